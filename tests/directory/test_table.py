"""What may stand in a directory file, and what the errors say (design 5: every error names file, line and entry)."""

import time

import pytest

from conneg.directory import DirectoryFileError, EntryKind, read_table
from conneg.directory.table import MAX_FILE_OCTETS, MAX_PATTERNS, MAX_PROBLEMS
from conneg.errors import BoundExceededError
from conneg.negotiation import profile_expression

K7 = (
    "(&(image-file-structure=TIFF-minimal)(MRC-mode=0)(color=Binary)(|(&(dpi=204)(dpi-xyratio=[204/98,204/196]) )"
    "(&(dpi=200)(dpi-xyratio=[200/100,1]) )(&(dpi=400)(dpi-xyratio=1) ) )(|(image-coding=[MH,MR,MMR])"
    "(&(image-coding=JBIG)(image-coding-constraint=JBIG-T85)(JBIG-stripe-size=128) ) )"
    "(paper-size=[letter,A4,B4])(ua-media=stationery) )"
)
EVERYTHING = f"""
[profiles]
office = '(type=["application/pdf","text/plain"])'
machine = {{ profile = ["C", "S"] }}

[addresses]
"June@ifax1.jp" = "{K7}"
"mono@ifax1.jp" = "S"
"desk@example.org" = {{ profile = "office" }}
"colour@ifax1.jp" = {{ profile = ["C", "S"] }}
'phone@example.org' = {{ capability = '(type="text/plain")' }}

[addresses."hall@ifax1.jp"]
profile = "machine"

[domains]
"ifax1.jp" = "S"

[patterns]
"fax=*@example.org" = "S"
"*.fax.example" = '(color=Binary)'
"""


def test_every_way_of_writing_an_entry() -> None:
    table = read_table(EVERYTHING.encode())
    assert len(table) == 9
    assert _expression(EVERYTHING, "june@IFAX1.jp") == K7
    assert _expression(EVERYTHING, "mono@ifax1.jp") == profile_expression("S")
    assert _expression(EVERYTHING, "desk@example.org") == '(type=["application/pdf","text/plain"])'
    either = f"(| {profile_expression('C')} {profile_expression('S')})"
    assert _expression(EVERYTHING, "colour@ifax1.jp") == either
    assert _expression(EVERYTHING, "hall@ifax1.jp") == either
    assert _expression(EVERYTHING, "phone@example.org") == '(type="text/plain")'
    assert _expression(EVERYTHING, "fax=1@example.org") == profile_expression("S")
    assert _expression(EVERYTHING, "a@b.fax.example") == "(color=Binary)"


def test_address_then_pattern_then_domain() -> None:
    text = """
    [addresses]
    "a@x.example" = "(y=1)"
    [patterns]
    "*@x.example" = "(y=2)"
    "b*@x.example" = "(y=3)"
    [domains]
    "x.example" = "(y=4)"
    "z.example" = "(y=5)"
    """
    assert [_expression(text, a) for a in ("a@x.example", "b@x.example", "c@x.example", "d@z.example")] == [
        "(y=1)",
        "(y=3)",
        "(y=2)",
        "(y=5)",
    ]
    assert read_table(text.encode()).find("e@elsewhere.example") is None


def test_entries_lists_all() -> None:
    kinds = [entry.kind for entry in read_table(EVERYTHING.encode()).entries()]
    assert kinds == [EntryKind.ADDRESS] * 6 + [EntryKind.PATTERN] * 2 + [EntryKind.DOMAIN]


@pytest.mark.parametrize(
    ("text", "line", "place", "what"),
    [
        ('[addresses]\n\n"june@x" = "(color=)"', 3, '[addresses] "june@x"', "column"),
        ('[addresses]\n"june@x" = "fax"', 2, '[addresses] "june@x"', "neither an expression"),
        ('[addresses]\n"june" = "S"', 2, '[addresses] "june"', "not an address"),
        ('[addresses]\n"june@x" = "S"\n"JUNE@x" = "S"', 3, '[addresses] "JUNE@x"', "twice"),
        ('[addresses]\n"june@x" = 7', 2, '[addresses] "june@x"', "must be an expression"),
        ('[addresses]\n"june@x" = {}', 2, '[addresses] "june@x"', "empty"),
        ('[addresses]\n"june@x" = { profil = "S" }', 2, '[addresses] "june@x"', "unknown key 'profil'"),
        ('[addresses]\n"june@x" = { profile = 7 }', 2, '[addresses] "june@x"', "must be a name"),
        ('[addresses]\n"june@x" = { profile = "S", capability = "(a=1)" }', 2, "june@x", "both"),
        ('[addresses]\n[addresses."june@x"]\nprofile = "nobody"', 2, "june@x", "nor a profile"),
        ('[domains]\nifax1.jp = "S"', None, '[domains] "ifax1"', "needs quotes"),
        ('[patterns]\n"fax=*" = "S"', 2, "[patterns]", "has an @"),
        ('[profiles]\nS = "(a=1)"', 2, "[profiles]", "built-in"),
        ('[profiles]\n"a b" = "(a=1)"', 2, "[profiles]", "letters, digits"),
        ('[profiles]\na = "(a=1)"\nb = "a"', 3, "[profiles]", "nor a profile"),
        ('[adresses]\n"june@x" = "S"', 1, "[adresses]", "unknown section"),
        ('addresses = "S"', 1, "[addresses]", "must be a table"),
    ],
)
def test_an_error_names_file_line_entry_and_fault(text: str, line: int | None, place: str, what: str) -> None:
    with pytest.raises(DirectoryFileError) as caught:
        read_table(text.encode(), name="who.toml")
    message = str(caught.value)
    assert message.startswith("who.toml: " + (f"line {line}: " if line else ""))
    assert place in message
    assert what in message
    assert "\n" not in message


def test_what_is_wrong_inside_an_expression_is_told() -> None:
    with pytest.raises(DirectoryFileError) as caught:
        read_table(b'[addresses]\n"june@x" = "(& (color=Binary) (dpi>))"', name="who.toml")
    assert "column" in str(caught.value)


def test_toml_errors_and_bad_octets_are_told_with_their_line() -> None:
    with pytest.raises(DirectoryFileError, match=r"who\.toml: not TOML: .*line 2"):
        read_table(b'[addresses]\njune@x = "S"\n', name="who.toml")
    with pytest.raises(DirectoryFileError, match=r"who\.toml: line 2: not UTF-8"):
        read_table(b'[addresses]\n"j\xfcne@x" = "S"\n', name="who.toml")


def test_an_error_is_one_line_whatever_the_name() -> None:
    with pytest.raises(DirectoryFileError) as caught:
        read_table(b'[addresses]\n"a\\nb\\u2028c\\u001b@x" = 7')
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).isprintable()


def test_deep_nesting_is_an_error_not_a_crash() -> None:
    with pytest.raises(DirectoryFileError):
        read_table(b"[addresses]\na = " + b"[" * 100_000)


def test_all_faults_are_gathered_up_to_a_number() -> None:
    lines = "".join(f'"u{n}@x" = "("\n' for n in range(3))
    with pytest.raises(DirectoryFileError) as caught:
        read_table(f"[addresses]\n{lines}".encode())
    assert len(caught.value.problems) == 3
    assert str(caught.value).endswith("(and 2 more)")
    lines = "".join(f'"u{n}@x" = "("\n' for n in range(1000))
    with pytest.raises(DirectoryFileError) as caught:
        read_table(f"[addresses]\n{lines}".encode())
    assert len(caught.value.problems) == MAX_PROBLEMS


def test_bounds() -> None:
    with pytest.raises(BoundExceededError, match=r"directory\.file"):
        read_table(b" " * (MAX_FILE_OCTETS.value + 1))
    lines = "".join(f'"u{n}*@x" = "(a=1)"\n' for n in range(MAX_PATTERNS.value + 1))
    with pytest.raises(BoundExceededError, match=r"directory\.patterns"):
        read_table(f"[patterns]\n{lines}".encode())


def test_a_hundred_thousand_addresses_load_in_seconds() -> None:
    kinds = [K7, "S", "C", '(type=["image/jpeg","image/png"])']
    lines = "".join(f"\"user{n}@example.org\" = '''{kinds[n % 4]}'''\n" for n in range(100_000))
    content = f"[addresses]\n{lines}".encode()
    before = time.process_time()
    table = read_table(content)
    assert time.process_time() - before < 20
    assert len(table) == 100_000
    entry = table.find("USER99999@example.org")
    assert entry is not None
    assert "image/png" in entry.expression


def _expression(text: str, address: str) -> str:
    entry = read_table(text.encode()).find(address)
    assert entry is not None
    return entry.expression
