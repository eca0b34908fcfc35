"""`conneg send` and `conneg probe` against a gateway in another process: what a person sees, and the exit codes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from conneg.demo.message import sample
from tests.cli.test_commands import conneg
from tests.cli.test_serve import serve, stop
from tests.gateway.servers import directory_file, messages_in
from tests.peers.ports import free_port, wait_until

DEVICES = {"june@devices.test": "profile S", "radio@devices.test": '(type="audio/mpeg")'}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A receiving server that knows two devices; its endpoint."""
    directory_file(tmp_path / "directory.toml", DEVICES)
    (tmp_path / "conneg.toml").write_text(
        """
[server]
listen = ["127.0.0.1:0"]
[directory]
file = "directory.toml"
[[destination]]
domains = ["devices.test"]
deliver = "maildir"
path = "mail/{local_part}"
convert = false
""",
        encoding="utf-8",
    )
    (tmp_path / "survey.pdf").write_bytes(sample("survey.pdf"))
    process, port = serve(tmp_path)
    yield f"127.0.0.1:{port}"
    stop(process)


def send(folder: Path, server: str, *arguments: str) -> tuple[int, dict[str, dict[str, str]], str]:
    done = conneg(
        "send", "survey.pdf", "--from", "may@sender.test", "--via", server, "--json", *arguments, cwd=folder
    )
    assert "Traceback" not in done.stderr
    told = {entry["recipient"]: entry for entry in json.loads(done.stdout)} if done.stdout else {}
    return done.returncode, told, done.stderr


def test_each_recipient_gets_its_form(tmp_path: Path, server: str) -> None:
    code, told, _ = send(tmp_path, server, "--to", "june@devices.test", "--to", "desk@devices.test")
    assert code == 0
    assert "MH" in told["june@devices.test"]["form"]
    assert told["desk@devices.test"]["form"] == "as it is"
    wait_until(lambda: len(messages_in(tmp_path / "mail/june")) == 1, seconds=20, what="June's mail")
    assert b"image/tiff" in messages_in(tmp_path / "mail/june")[0]


def test_no_common_form_is_told_and_nothing_is_sent(tmp_path: Path, server: str) -> None:
    code, told, _ = send(tmp_path, server, "--to", "radio@devices.test")
    assert code == 1
    assert told["radio@devices.test"]["state"] == "failed"
    assert "audio/mpeg" in told["radio@devices.test"]["text"]
    assert not (tmp_path / "mail").exists()


def test_required_refuses_a_recipient_without_an_entry(tmp_path: Path, server: str) -> None:
    code, told, _ = send(tmp_path, server, "--required", "--to", "legacy@devices.test")
    assert code == 1
    assert told["legacy@devices.test"]["text"].startswith("504 5.3.3")


@pytest.mark.parametrize("strategy", ["single", "common", "batch", "auto"])
def test_every_strategy_delivers(tmp_path: Path, server: str, strategy: str) -> None:
    code, told, _ = send(
        tmp_path, server, "--strategy", strategy, "--to", "june@devices.test", "--to", "desk@devices.test"
    )
    assert code == 0
    assert {entry["state"] for entry in told.values()} == {"delivered"}


def test_a_server_that_is_not_there_means_later(tmp_path: Path, server: str) -> None:
    code, told, _ = send(tmp_path, f"127.0.0.1:{free_port()}", "--to", "june@devices.test")
    assert code == 75
    assert "no server answers" in told["june@devices.test"]["text"]


def test_probe_says_what_a_recipient_can_take(tmp_path: Path, server: str) -> None:
    done = conneg("probe", "june@devices.test", "--via", server, "--json", cwd=tmp_path)
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["offers_conneg"]
    assert told["summary"] == "fax, B/W, up to 204 dpi, MH"
    assert conneg("probe", "legacy@devices.test", "--via", server, cwd=tmp_path).returncode == 1
    assert messages_in(tmp_path / "mail/june") == [], "asking sends nothing"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "june@devices.test", "--baseline", "(x="], "line 1, column 4"),
        (["--to", "no address"], "'no address'"),
        (["--to", "june@devices.test", "--from", "nobody at all"], "'nobody at all'"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, server: str, arguments: list[str], words: str) -> None:
    code, told, error = send(tmp_path, server, *arguments)
    assert (code, told) == (65, {})
    assert words in error.splitlines()[0]
