"""docs/reference/requirements.md has every requirement, and the tests that name it."""

from tools import requirements_table


def test_every_requirement_is_shown_by_a_test() -> None:
    assert requirements_table.problems() == []


def test_the_page_is_what_the_tests_say() -> None:
    assert requirements_table.PAGE.read_text(encoding="utf-8") == requirements_table.page()
