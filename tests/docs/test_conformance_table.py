"""docs/reference/conformance.md: every profile and writer has its judges, and the page is as the tests say."""

from tools import conformance_table


def test_everything_is_judged_or_it_is_said_why_not() -> None:
    assert conformance_table.problems() == []


def test_the_page_is_as_the_marks_say() -> None:
    assert conformance_table.PAGE.read_text(encoding="utf-8") == conformance_table.page()
