"""The demo as a command: every recipient gets its form, every file conforms, and the folder shows it."""

import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from conneg.content import Workers
from conneg.content.formats import can_code_jbig
from conneg.demo.arrivals import read_arrival
from conneg.demo.message import sample
from conneg.demo.run import Story, prepare_output
from conneg.demo.scenario import DEVICES, JUNE, KNOWN_TO_THE_GATEWAY, LEGACY, RECIPIENTS
from conneg.errors import UnavailableError
from tests.cli.test_commands import conneg


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_demo(tmp_path: Path) -> None:
    done = conneg("demo", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["problems"] == []
    told = {entry["recipient"]: entry for entry in report["recipients"]}
    assert set(told) == set(RECIPIENTS)
    for recipient, entry in told.items():
        assert entry["state"] == "delivered"
        assert entry["reason"]
        assert all(file["problems"] == [] for file in entry["files"]), recipient
        assert any((tmp_path / "conneg-demo/maildir").glob(f"{recipient.split('@')[1]}/*/new/*"))
    types = {
        name.split("@")[0]: [file["media_type"] for file in entry["files"]] for name, entry in told.items()
    }
    assert types["mono"] == types["legacy"] == types["fax"] == ["image/tiff"]
    assert types["june"] == ["image/tiff-fx" if can_code_jbig() else "image/tiff"], "she states JBIG, too"
    assert types["colour"] == ["image/tiff-fx"]
    assert set(types["phone"]) == {"text/plain", "image/png", "image/jpeg"}
    assert types["desk"] == ["text/plain", "application/pdf", "image/jpeg"]
    assert "504" in done.stderr, "REQUIRED for a recipient without an entry"
    assert told[LEGACY]["said_by"].startswith("baseline")
    assert all(told[name]["said_by"].startswith("reply") for name in DEVICES)
    assert all(told[name]["said_by"].startswith("directory") for name in KNOWN_TO_THE_GATEWAY)
    page = (tmp_path / "conneg-demo/index.html").read_text(encoding="utf-8")
    for recipient in RECIPIENTS:
        assert recipient in page


def test_a_folder_that_the_demo_did_not_make_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UnavailableError, match="was not made by this command"):
        prepare_output(tmp_path)
    assert (tmp_path / "precious").exists()


async def test_a_file_that_does_not_conform_is_told(tmp_path: Path) -> None:
    """A JPEG for June's fax machine, and nothing at all for Mono: both are problems, so the command exits with 1."""
    message = EmailMessage()
    message.set_content("see the photo\n")
    message.add_attachment(sample("photo.jpg"), maintype="image", subtype="jpeg", filename="photo.jpg")
    (tmp_path / "june" / "new").mkdir(parents=True)
    (tmp_path / "june" / "new" / "1").write_bytes(message.as_bytes())
    story = Story()
    async with Workers(count=1) as workers:
        for name in ("june", "mono"):
            outcome = story.of(f"{name}@devices.example")
            outcome.state = "delivered"
            outcome.arrival = await read_arrival(
                name, tmp_path / name, tmp_path / "files" / name, JUNE, workers
            )
    assert [problem.split(":")[0] for problem in story.problems] == [
        "june@devices.example",
        "june@devices.example",
        "mono@devices.example",
    ]
    assert "nothing arrived" in story.problems[-1]
