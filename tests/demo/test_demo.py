"""The demo as a command: every recipient gets its form, every file conforms, and the folder shows it."""

import json
from pathlib import Path

import pytest

from conneg.demo.run import prepare_output
from conneg.demo.scenario import DEVICES, KNOWN_TO_THE_GATEWAY, LEGACY, RECIPIENTS
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
    assert types["june"] == types["mono"] == types["legacy"] == types["fax"] == ["image/tiff"]
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
