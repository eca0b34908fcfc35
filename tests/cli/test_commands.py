"""The command line as a person meets it: help with examples, exit codes, one clear line for whatever is wrong."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from conneg.cli import _COMMANDS
from conneg.demo.message import sample
from conneg.directory.learned import LearnedCapabilities

JUNE = "june@ifax1.jp"


def conneg(
    *arguments: str, cwd: Path | None = None, state: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(state or cwd or "/nonexistent"), "COLUMNS": "100"}
    environment |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "conneg.cli", *arguments],
        cwd=cwd, env=environment, text=True, capture_output=True, timeout=100, check=False,
    )  # fmt: skip


def is_one_line(text: str) -> bool:
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text


@pytest.mark.parametrize("name", list(_COMMANDS))
def test_help_teaches_by_examples(name: str) -> None:
    done = conneg(name, "--help")
    assert done.returncode == 0
    assert "Examples:" in done.stdout
    assert f"conneg {name}" in done.stdout


def test_the_main_help_names_every_command_and_exit_code() -> None:
    done = conneg("--help")
    for name in _COMMANDS:
        assert f"\n  {name} " in done.stdout
    assert "69" in done.stdout
    assert conneg("--version").stdout.startswith("conneg, version ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["match", "(dpi=[200,300])", "(dpi=200)"], 0),
        (["match", "(color=Full)", "(color=Binary)"], 1),
        (["nonsense"], 2),
        (["features", "no-such-file.pdf"], 65),
        (["match", "(dpi=200)"], 2),
        (["match", "(dpi=", "(dpi=200)"], 65),
        (["features", "(x=1.5)"], 65),
        (["serve", "--config", "/absent/conneg.toml"], 2),
        (["probe", "june@127.0.0.1.invalid", "--via", "127.0.0.1:1"], 69),
        (["probe", "not an address", "--via", "127.0.0.1:1"], 65),
    ],
)
def test_exit_codes(arguments: list[str], code: int) -> None:
    done = conneg(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_in_an_expression_is_placed() -> None:
    done = conneg("features", "(&(dpi=200)(color=))")
    assert done.returncode == 65
    message, line, caret = done.stderr.splitlines()
    assert message.startswith("conneg: line 1, column 19: found ')', expected a value")
    assert line[caret.index("^")] == ")"


def test_a_mismatch_names_the_tag_in_words_and_for_programs() -> None:
    done = conneg("match", "(color=Full)", "(color=Binary)")
    assert done.stdout.strip() == "the device takes color=Binary only; the offer is color=Full"
    told = json.loads(conneg("match", "(color=Full)", "(color=Binary)", "--json").stdout)
    assert (told["match"], told["tags"]) == (False, ["color"])


def test_features_of_a_document(tmp_path: Path) -> None:
    (tmp_path / "survey.pdf").write_bytes(sample("survey.pdf"))
    (told,) = json.loads(conneg("features", "survey.pdf", "--json", cwd=tmp_path).stdout)
    assert (told["media_type"], told["pages"], told["problem"]) == ("application/pdf", 2, None)


def test_convert_to_profile_s(tmp_path: Path) -> None:
    (tmp_path / "survey.pdf").write_bytes(sample("survey.pdf"))
    done = conneg("convert", "survey.pdf", "out.tif", "--accept", "profile S", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (file,) = json.loads(done.stdout)["files"]
    assert (file["media_type"], file["pages"]) == ("image/tiff", 2)
    assert (tmp_path / "out.tif").read_bytes()[:8] == b"II*\0\x08\0\0\0"


def test_convert_says_what_small_type_comes_to(tmp_path: Path) -> None:
    """The survey's table is set in 6 points."""
    (tmp_path / "survey.pdf").write_bytes(sample("survey.pdf"))
    accepted = '(& (type="image/png") (color=Grey) (pix-x<=700))'
    done = conneg("convert", "survey.pdf", "page.png", "--accept", accepted, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "small type of 6 points will hardly be readable within 700 px" in done.stderr
    assert "lines high, hardly legible" in done.stderr


def test_convert_says_which_tag_stands_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_bytes(sample("letter.txt"))
    done = conneg("convert", "letter.txt", "out.mp3", "--accept", '(type="audio/mpeg")', cwd=tmp_path)
    assert done.returncode == 1
    assert is_one_line(done.stderr)
    assert "type" in done.stderr
    assert not (tmp_path / "out.mp3").exists()


def test_convert_refuses_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7\n" + b"\xff" * 2000)
    done = conneg("convert", "bad.pdf", "out.tif", "--accept", "profile S", cwd=tmp_path)
    assert done.returncode == 65
    assert is_one_line(done.stderr)
    assert "bad.pdf" in done.stderr


def test_the_directory_is_kept_and_tested(tmp_path: Path) -> None:
    database = str(tmp_path / "d.sqlite")
    common = ["directory", "--sqlite", database]
    assert conneg(*common, "set", JUNE, "profile S").returncode == 0
    assert conneg(*common, "set", "*@fax.example", "(color=Binary)").returncode == 0
    told = json.loads(conneg(*common, "test", JUNE, "--json").stdout)
    assert told["kind"] == "known"
    assert "d.sqlite" in told["source"]
    assert conneg(*common, "test", "a@fax.example").returncode == 0
    assert conneg(*common, "test", "a@other.example").returncode == 1
    wrong = conneg(*common, "set", JUNE, "(color=")
    assert wrong.returncode == 65
    assert wrong.stderr.splitlines()[0] == (
        "conneg: line 1, column 8: found the end, expected a value (number, token, string or TRUE/FALSE)"
    )
    assert conneg(*common, "remove", JUNE).returncode == 0
    assert conneg(*common, "remove", JUNE).returncode == 1


def test_check_tells_the_configuration_and_the_formats(tmp_path: Path) -> None:
    (tmp_path / "conneg.toml").write_text("[server]\nlisten = ['127.0.0.1:0']\n", encoding="utf-8")
    done = conneg("check", "--config", "conneg.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "application/pdf" in done.stdout
    assert "receivers" not in done.stdout
    settings = """
    [server]
    receivers = 3
    [[strategy]]
    senders = ["*.law.example"]
    at_least_recipients = 100
    above_octets = 5000000
    use = "common"
    [[strategy]]
    use = "single"
    """
    (tmp_path / "conneg.toml").write_text(settings, encoding="utf-8")
    done = conneg("check", "--config", "conneg.toml", cwd=tmp_path)
    assert "receivers     3 processes accept mail" in done.stdout
    first = "strategy 1    common for messages from *.law.example, to 100 recipients or more, above 5.0 MB\n"
    assert first in done.stdout
    assert "strategy 2    single for all messages\n" in done.stdout
    (tmp_path / "conneg.toml").write_text("[server]\nlisten = 3\n", encoding="utf-8")
    done = conneg("check", "--config", "conneg.toml", cwd=tmp_path)
    assert done.returncode == 65
    assert "conneg.toml: line 2: server.listen" in done.stderr


def test_queue_of_an_empty_spool_and_of_none(tmp_path: Path) -> None:
    done = conneg("queue", "--spool", "nowhere", "list", cwd=tmp_path)
    assert done.returncode == 69
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "nowhere").exists(), "looking creates nothing"


def test_users_are_added_tested_listed_and_removed(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('[accounts]\nfile = "users.toml"\n')

    def account(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "conneg.cli", "account", "--config", "gateway.toml", *arguments],
            cwd=tmp_path, input=typed, text=True, capture_output=True, timeout=100, check=False,
        )  # fmt: skip

    assert "added" in account("set", "june", "--stdin", typed="swordfish\n").stdout
    assert "swordfish" not in (tmp_path / "users.toml").read_text()
    assert account("test", "june", "--stdin", typed="swordfish\n").returncode == 0
    assert account("test", "june", "--stdin", typed="sword\n").returncode == 1
    assert account("test", "anna", "--stdin", typed="swordfish\n").returncode == 1
    listed = json.loads(account("list", "--json").stdout)
    assert listed == [{"username": "june", "mechanisms": ["SCRAM-SHA-256", "PLAIN", "LOGIN"]}]
    assert account("remove", "june").returncode == 0
    gone = account("remove", "june")
    assert gone.returncode == 1
    assert is_one_line(gone.stderr)
    hashed = account("hash", "--stdin", typed="swordfish\n").stdout.split()
    assert hashed[1].startswith("$argon2id$")
    assert hashed[3].startswith("SCRAM-SHA-256$")


def test_without_a_file_of_users_that_is_said(tmp_path: Path) -> None:
    done = conneg("account", "list", cwd=tmp_path)
    assert done.returncode == 2
    assert "[accounts]" in done.stderr


def test_every_source_is_asked_and_what_it_costs_is_told(tmp_path: Path) -> None:
    (tmp_path / "d.toml").write_text('[addresses]\n"june@ifax1.jp" = "S"\n')
    (tmp_path / "c.toml").write_text(
        '[directory]\nfile = "d.toml"\n[[source]]\nname = "down"\nkind = "ldap"\nurls = ["ldap://127.0.0.1:1"]\n'
        'base = "dc=example"\n[[lookup]]\ndomains = ["*.test"]\nsources = ["file"]\n'
    )
    options = ("directory", "--config", "c.toml", "test", "--json")
    done = conneg(*options, "june@ifax1.jp", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert (report["kind"], report["authenticated"], report["document"]["name"]) == (
        "known",
        True,
        "survey.pdf",
    )
    assert [one["kind"] for one in report["sources"]] == ["known", "unavailable"]
    assert report["sources"][1]["name"] == "down"
    assert conneg(*options, "may@ifax1.jp", cwd=tmp_path).returncode == 75
    assert conneg(*options, "may@fax.test", cwd=tmp_path).returncode == 1
    refused = conneg("directory", "--config", "c.toml", "--source", "down", "set", "a@b", "S", cwd=tmp_path)
    assert refused.returncode == 65
    assert "no [[source]] of kind sql or learned is called 'down'" in refused.stderr


def test_what_was_learned_can_be_shown_and_removed(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[[source]]\nname = "learned"\nkind = "learned"\npath = "l.sqlite"\n')
    learned = LearnedCapabilities(tmp_path / "l.sqlite")
    asyncio.run(learned.learn([("June@ifax1.jp", "(y=1)")], "[192.0.2.1]", 1000))
    asyncio.run(learned.close())
    options = ("directory", "--config", "c.toml", "--source", "learned")
    assert conneg(*options, "show", cwd=tmp_path).stdout == "june@ifax1.jp  (y=1)\n"
    refused = conneg(*options, "set", "june@ifax1.jp", "S", cwd=tmp_path)
    assert (refused.returncode, is_one_line(refused.stderr)) == (65, True)
    assert conneg(*options, "remove", "june@ifax1.jp", cwd=tmp_path).returncode == 0
    assert conneg(*options, "remove", "june@ifax1.jp", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(("limit", "gives_up"), [(4_000_000, False), (60_000, True)])
def test_convert_keeps_to_a_limit_on_octets(tmp_path: Path, limit: int, gives_up: bool) -> None:
    """The limit is one on the body part: four octets of base64 for three, and a line end after 76."""
    (tmp_path / "photo.jpg").write_bytes(sample("photo.jpg"))
    accepted = f'(& (type="image/jpeg") (pix-x<=1600) (u.urn:x-conneg:octets<={limit}))'
    done = conneg("convert", "photo.jpg", "less.jpg", "--accept", accepted, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    in_base64 = base64.encodebytes((tmp_path / "less.jpg").read_bytes()).replace(b"\n", b"\r\n")
    assert len(in_base64) <= limit
    reasons = json.loads(done.stdout)["reasons"]
    assert any("given up for the limit on octets: " in reason for reason in reasons) == gives_up


def test_convert_says_so_when_nothing_is_small_enough(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(sample("photo.jpg"))
    accepted = '(& (type="image/jpeg") (pix-x>=400) (u.urn:x-conneg:octets<=900))'
    done = conneg("convert", "photo.jpg", "less.jpg", "--accept", accepted, cwd=tmp_path)
    assert done.returncode == 1
    assert is_one_line(done.stderr)
    assert "900 are accepted" in done.stderr
    assert not (tmp_path / "less.jpg").exists()


def test_convert_does_not_take_a_document_as_it_is_for_one_of_its_pages(tmp_path: Path) -> None:
    """Every page has to be accepted (RFC 2879, 4.7), and the second one is in colour."""
    first, second = Image.new("1", (1728, 600), 1), Image.new("RGB", (1728, 600), "red")
    first.save(tmp_path / "both.tif", save_all=True, append_images=[second], dpi=(200, 200))
    accepted = '(& (type="image/tiff") (color=Binary))'
    done = conneg("convert", "both.tif", "out.tif", "--accept", accepted, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "out.tif") as made:
        assert [frame.mode for frame in ImageSequence.Iterator(made)] == ["1", "1"]
