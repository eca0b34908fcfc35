"""Directions: levels and order as FriBidi gives them."""

import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.content.readers import bidi
from conneg.content.readers.layout import COLUMNS, lay_out
from tests.content import programs

HEBREW, ARABIC = "אבגשת", "ابجدهـ"
ALPHABET = (
    "abcXYZ" + HEBREW + ARABIC + "\u05b8\u064b\u0301" + "0123456789" + "٠١٢٣" + " ,.:;/+-%$€#!?()[]<>'\"=&"
)


def random_lines(count: int) -> list[str]:
    """Return lines of the alphabet, always the same, none of which has white space at an end."""
    chance = random.Random(2912)
    lines = []
    while len(lines) < count:
        line = "".join(chance.choice(ALPHABET) for _ in range(chance.randint(1, 24))).strip()
        line = unicodedata.normalize("NFC", line)
        if line:
            lines.append(line)
    return lines


@pytest.mark.system
@pytest.mark.parametrize(("option", "base"), [("--ltr", 0), ("--rtl", 1)])
def test_levels_and_order_are_those_of_fribidi(option: str, base: int) -> None:
    lines = random_lines(1500)
    options = ("--nopad", "--nobreak", "--levels", "--vtol", "--novisual", option)
    told = programs.run("libfribidi-bin", "fribidi", *options, given="\n".join(lines).encode()).decode()
    rows = [[int(word) for word in row.split()] for row in told.splitlines()]
    assert len(rows) == 2 * len(lines)
    for number, line in enumerate(lines):
        order, levels = rows[2 * number : 2 * number + 2]
        assert bidi.levels_of(line, base) == levels, (line, [f"{ord(c):x}" for c in line])
        if not any(map(unicodedata.combining, line)):  # FriBidi puts marks behind their letters again (L3)
            assert bidi.visual_order(levels) == order


@pytest.mark.system
def test_the_paragraphs_own_direction_is_that_of_fribidi() -> None:
    lines = random_lines(500)
    told = programs.run(
        "libfribidi-bin", "fribidi", "--basedir", "--novisual", "--nobreak", given="\n".join(lines).encode()
    ).decode()
    for line, found in zip(lines, told.splitlines(), strict=True):
        expected = {"L": 0, "R": 1, "WL": 0, "N": 0, "ON": 0}[found.strip().split()[-1]]
        assert bidi.base_level(line) == expected, line


@given(st.text(alphabet=ALPHABET, max_size=200))
def test_every_column_of_a_line_is_taken_once_whatever_the_directions(text: str) -> None:
    lines = lay_out(text, 10_000)
    assert lines is not None
    for line in lines:
        taken = [
            column
            for run in line
            for column in range(
                run.column, run.column + len([c for c in run.text if not unicodedata.combining(c)])
            )
        ]
        assert sorted(taken) == sorted(set(taken))
        assert all(0 <= column < COLUMNS for column in taken)


def test_a_paragraph_from_right_to_left_lies_at_the_right() -> None:
    ((run,), (other,)) = lay_out("שלום\nabc", 10) or ()
    assert (run.column, run.text, run.right_to_left) == (COLUMNS - 4, "שלום", True)
    assert (other.column, other.text, other.right_to_left) == (0, "abc", False)
