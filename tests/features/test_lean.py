"""`pip install conneg` is enough for the algebra and its two commands: nothing else is imported."""

import subprocess
import sys

import pytest

import conneg.features

EXTRAS = (
    "cryptography",
    "h11",
    "numpy",
    "PIL",
    "pillow_heif",
    "pydantic",
    "pypdfium2",
    "dns",
    "rich",
    "structlog",
    "uvloop",
)
WITHOUT_EXTRAS = f"""
import sys
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from conneg.cli import main
main(sys.argv[1:])
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], text=True, capture_output=True, timeout=60, check=False
    )


def test_nothing_but_the_standard_library() -> None:
    listed = "print(*sorted(name.partition('.')[0] for name in sys.modules))"
    before = set(run("-c", f"import sys; {listed}").stdout.split())
    after = set(run("-c", f"import sys, conneg.features; {listed}").stdout.split())
    assert "conneg" in after
    assert after - before - {"conneg"} <= sys.stdlib_module_names
    assert after.isdisjoint({"dataclasses", "inspect", "asyncio", "ssl", "sqlite3", "hashlib"})


def test_every_public_name_is_there() -> None:
    for name in conneg.features.__all__:
        assert getattr(conneg.features, name) is not None
    assert set(conneg.features.__all__) <= set(dir(conneg.features))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = conneg.features.nonsense


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["features", "(&(dpi=200)(color=Binary))"], 0),
        (["features", "(&(dpi=200)(color=Binary))", "--json"], 0),
        (["match", "(dpi=[200,300])", "(dpi=200)"], 0),
        (["match", "(color=Full)", "profile S", "--json"], 1),
        (["--help"], 0),
    ],
)
def test_its_commands_need_no_extra(arguments: list[str], code: int) -> None:
    done = run("-c", WITHOUT_EXTRAS, *arguments)
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize("arguments", [["serve"], ["demo"], ["check"], ["probe", "june@ifax1.jp"]])
def test_other_commands_say_what_to_install(arguments: list[str]) -> None:
    done = run("-c", WITHOUT_EXTRAS, *arguments)
    assert done.returncode == 69
    assert "which is not installed\n        pip install 'conneg[gateway]'" in done.stderr
    assert "Traceback" not in done.stderr
