"""The record of a decision: the story in words, and the same as JSON."""

import json

from conneg.negotiation import AsItIs, DecisionRecord, baseline, make_plan
from tests.negotiation.samples import JUNE, PHONE_USER, WHOLE


def test_the_story_in_words() -> None:
    first, second = DecisionRecord(("june@ifax1.jp",), JUNE, make_plan(WHOLE, JUNE)).lines()
    assert first == "the directory has (ifax1.jp): fax, B/W, up to 400 dpi, MMR"
    assert second.startswith("june@ifax1.jp: device takes black and white TIFF pages only")


def test_part_by_part() -> None:
    lines = DecisionRecord(("a@x", "b@x"), PHONE_USER, make_plan(WHOLE, PHONE_USER)).lines()
    assert lines[1].startswith("a@x, b@x: takes JPEG or PNG up to 1080 px, text; survey.pdf becomes ")
    assert [line.partition(":")[0] for line in lines[2:]] == ["part 1.1", "part 1.2", "part 1.3"]


def test_what_is_not_known_is_said() -> None:
    assert DecisionRecord(("a@x",), None, AsItIs("it goes as it came")).lines() == (
        "nothing is known of what can be taken",
        "a@x: it goes as it came",
    )
    assert (
        "so the baseline holds (RFC 3965, 4)" in DecisionRecord(("a@x",), baseline(), AsItIs("")).lines()[0]
    )


def test_json() -> None:
    values = json.loads(DecisionRecord(("june@ifax1.jp",), JUNE, make_plan(WHOLE, JUNE)).to_json())
    assert values["recipients"] == ["june@ifax1.jp"]
    assert values["capability"]["provenance"] == "directory"
    assert values["capability"]["expression"] == JUNE.expression
    assert values["plan"]["plan"] == "one document"
    assert json.loads(DecisionRecord((), None, AsItIs("")).to_json())["capability"] is None
