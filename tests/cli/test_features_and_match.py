"""`conneg features` and `conneg match`: what people read, what programs read, and the exit codes."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conneg.features.schema import SCHEMA
from tests.cli.test_commands import conneg, is_one_line

FAX = """(& (color=Binary) (image-coding=[MH,MMR]) (MRC-mode=0)
 (| (& (dpi=204) (dpi-xyratio=[204/98,204/196])) (& (dpi=200) (dpi-xyratio=[200/100,1])))
 (size-x<=2150/254) (paper-size=A4))"""
DIS = "FF C8 01 00 43 13 20"


def told(*arguments: str, cwd: Path | None = None) -> dict[str, object]:
    done = conneg(*arguments, "--json", cwd=cwd)
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_the_canonical_form_alone_goes_to_standard_output() -> None:
    done = conneg("features", "( &(DPI=300)(dpi-xyratio=200/200)(color=BINARY) )")
    assert done.returncode == 0
    assert done.stdout == "(& (dpi=300) (dpi-xyratio=1) (color=Binary))\n"
    assert "means      black and white, 300 dpi" in done.stderr
    assert re.search(r"^hash       h\.[0-9A-V]{26}$", done.stderr, re.MULTILINE)


def test_what_is_odd_is_shown_with_its_place() -> None:
    lines = conneg("features", '(& (dpi=200) (dpi-xyratio=1) (paper-size="A4"))').stderr.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("warning"))
    assert lines[at].startswith("warning    line 1, column 31: paper-size takes a token")
    assert lines[at + 1][lines[at + 2].index("^") :].startswith("paper-size")


def test_json_of_an_expression() -> None:
    found = told("features", "(| (& (color=Grey) (dpi=200)) (& (color=Grey) (dpi=300)))")
    assert found["simplest"] == "(& (color=Grey) (dpi=[200,300]))"
    assert found["satisfiable"] is True
    assert found["means"] == ["grey, 200 or 300 dpi across"]
    assert isinstance(found["oddities"], list)
    assert told("features", "(& (a=1) (a=2))")["satisfiable"] is False


def test_a_profile_by_its_name() -> None:
    assert conneg("features", "profile S").stdout == conneg("features", "s").stdout
    done = conneg("features", "profile X")
    assert done.returncode == 65
    assert "neither a file, an expression, nor the name of a profile" in done.stderr


def test_an_expression_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "fax.txt").write_text(FAX, encoding="ascii")
    assert told("features", "fax.txt", cwd=tmp_path)["canonical"] == told("features", FAX)["canonical"]


def test_references_by_hash(tmp_path: Path) -> None:
    """RFC 2938 3, the printed example."""
    (tmp_path / "known.txt").write_text("(& (pix-x<=200) (pix-y<=150))\n", encoding="ascii")
    text = "(& (pix-x=100) (pix-y<=300) (h.SBB5REAOMHC09CP2GM4V07PQP0))"
    assert told("features", text)["unresolved"] == ["(h.SBB5REAOMHC09CP2GM4V07PQP0)"]
    found = told("features", text, "--with", "known.txt", cwd=tmp_path)
    assert found["unresolved"] == []
    assert found["means"] == ["100 pixels wide, up to 150 pixels high"]
    assert "nobody has said what" in conneg("features", text).stderr


def test_a_frame_and_back(tmp_path: Path) -> None:
    found = told("features", "--dis", DIS)
    assert found["kind"] == "DIS"
    bits = found["bits"]
    assert isinstance(bits, list)
    assert [row["bit"] for row in bits] == [10, 15, 16, 20, 23, 27]
    done = conneg("features", "--dis", DIS)
    assert done.stdout.startswith("(& ")
    assert "bit 16   MR coding" in done.stderr
    (tmp_path / "fax.txt").write_text(FAX, encoding="ascii")
    octets = conneg("features", "fax.txt", "--as-dis", cwd=tmp_path).stdout.strip()
    again = told("features", "--dis", octets)
    assert "MMR" in str(again["expression"])
    assert told("features", "fax.txt", "--as-dis", cwd=tmp_path)["dis"] == octets


def test_a_command_frame() -> None:
    """Bits 15, 20, 27, 31: 200x200 dpi, any length, error correction, MMR; the first bit sent is the highest."""
    found = told("features", "--dcs", "00 02 11 22", "--msb-first")
    assert found["kind"] == "DCS"
    assert "(image-coding=MMR)" in str(found["expression"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--dis", "xyz"], 2, "--dis takes octets in hexadecimal"),
        (["--dis", "FF C8 21 00 43 13 20"], 65, "conneg: "),
        (["(a=1)", "--tags"], 2, "give one of"),
        ([], 2, "give one of"),
        (["(color=Full)", "--as-dis"], 65, "every fax machine takes"),
        (["(JBIG-stripe-size>0)"], 65, "there is no operator '>'"),
    ],
)
def test_mistakes(arguments: list[str], code: int, words: str) -> None:
    done = conneg("features", *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_lenient_reads_misprints() -> None:
    done = conneg("features", "(JBIG-stripe-size>0)", "--lenient")
    assert done.stdout == "(!(JBIG-stripe-size<=0))\n"
    assert "there is no operator >" in done.stderr


def test_every_registered_tag_is_listed() -> None:
    listed = json.loads(conneg("features", "--tags", "--json").stdout)
    assert [tag["name"] for tag in listed] == [tag.name for tag in SCHEMA]
    shown = conneg("features", "--tags").stdout
    assert all(tag.name in shown for tag in SCHEMA)


def test_a_match_says_what_was_given_up() -> None:
    offer = '(& (type="image/png") (color=[Grey,Full]) (pix-x<=4000))'
    accepted = '(& (type=["image/png","image/jpeg"]) (color=Grey) (pix-x<=1404))'
    done = conneg("match", offer, accepted)
    assert done.returncode == 0
    assert done.stdout == '(& (color=Grey) (pix-x<=1404) (type="image/png"))\n'
    assert "given up   colour: grey instead of full colour, because the device takes grey only" in done.stderr
    found = told("match", offer, accepted)
    assert found["best"] == '(& (color=Grey) (pix-x=1404) (type="image/png"))'
    given_up = found["given_up"]
    assert isinstance(given_up, list)
    assert [one["name"] for one in given_up] == ["colour", "width in pixels"]


def test_the_next_best_forms_and_why() -> None:
    done = conneg("match", "(& (color=Binary) (image-coding=[MH,MMR]))", "(color=Binary)")
    assert "because    image-coding=MMR: the smallest coding, before image-coding=MH" in done.stderr
    assert "next best  (& (color=Binary) (image-coding=MH))" in done.stderr
    steps = told("match", "(image-coding=[MH,MMR])", "(image-coding=[MH,MMR])")["steps"]
    assert steps == [
        {
            "criterion": "coding",
            "kept": "image-coding=MMR",
            "reason": "the smallest coding",
            "ruled_out": ["image-coding=MH"],
        }
    ]


def test_a_mismatch_in_several_tags_together() -> None:
    done = conneg(
        "match", "(& (color=Full) (dpi=300))", "(| (& (color=Full) (dpi=100)) (& (color=Grey) (dpi=300)))"
    )
    assert done.returncode == 1
    assert is_one_line(done.stdout)
    assert "no combination of color and dpi suits" in done.stdout
    assert "device     full colour, 100 dpi across; or grey, 300 dpi across" in done.stderr
    found = told(
        "match", "(& (color=Full) (dpi=300))", "(| (& (color=Full) (dpi=100)) (& (color=Grey) (dpi=300)))"
    )
    assert found["together"] == ["color", "dpi"]


def test_what_nobody_wants_is_no_match() -> None:
    """RFC 2533 3.6: the quality 0."""
    done = conneg("match", "(a=1)", "(| (a=1);q=0 (a=2))")
    assert (done.returncode, done.stdout) == (1, "what both have is said to be never chosen (quality 0)\n")


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """Run `conneg` with a terminal for its output, and return what it wrote."""
    parent, child = pty.openpty()
    variables = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", **environment}
    if "PYTHONPATH" in os.environ:
        variables["PYTHONPATH"] = os.environ["PYTHONPATH"]
    process = subprocess.Popen(
        [sys.executable, "-m", "conneg.cli", *arguments],
        stdin=child,
        stdout=child,
        stderr=child,
        env=variables,
    )
    os.close(child)
    written = b""
    while True:
        try:
            piece = os.read(parent, 4096)
        except OSError:
            break
        if not piece:
            break
        written += piece
    process.wait(timeout=60)
    os.close(parent)
    return written.decode()


def test_colours_on_a_terminal_and_nowhere_else() -> None:
    """https://no-color.org: none where NO_COLOR is set."""
    arguments = ("features", "(& (dpi=300) (color=Binary))")
    assert "\x1b[36mdpi\x1b[0m" in on_a_terminal(*arguments)
    assert "\x1b[" not in on_a_terminal(*arguments, NO_COLOR="1")
    assert "\x1b[" not in conneg(*arguments).stdout


def test_what_two_sets_share_is_told_although_no_best_form_can_be_chosen(tmp_path: Path) -> None:
    """Forty independent choices: they are met one by one, but multiply to more forms than can be compared."""
    choices = "".join(f"(|(x.a{number}=1)(x.b{number}=1))" for number in range(40))
    (tmp_path / "many.txt").write_text(f"(&{choices})")
    done = conneg("match", "many.txt", "(x.a1=1)", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("(& (x.a1=1) (| (x.a0=1) (x.b0=1))")
    assert "no best form is chosen" in done.stderr


@pytest.mark.parametrize("text", ["nofile.txt", "", "profile Q"])
def test_match_says_what_is_neither_a_file_nor_an_expression(text: str) -> None:
    done = conneg("match", text, "(a=1)")
    assert done.returncode == 65
    assert "neither a file, an expression, nor the name of a profile" in done.stderr


def test_a_frame_is_made_of_a_capability_only(tmp_path: Path) -> None:
    (tmp_path / "page.tif").write_bytes(b"II*\0")
    for arguments in (("--tags", "--as-dis"), ("--dis", "00 00 00", "--as-dis"), ("page.tif", "--as-dis")):
        done = conneg("features", *arguments, cwd=tmp_path)
        assert done.returncode == 2, arguments
        assert "--as-dis" in done.stderr
    assert conneg("features", "--dis", "").returncode == 2
