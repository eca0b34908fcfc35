"""Builds the optional C modules of conneg.content with the system's compiler, when hatchling builds or installs.

Without a compiler, or without Python's headers, one line says so, and pages are made through pdfium, Pillow's libtiff
and numpy alone: slower, and the same pages. `python hatch_build.py` builds the modules in the source tree alone.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
NAMES = ("bilevel", "typeset")
"""Of folders in `src`; each becomes the module of that name with an underscore before it."""

FLAGS = ("-O3", "-std=c11", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra")
SECONDS = 120


def module(name: str) -> Path:
    """Return where a module is put; abi3: one file serves CPython 3.11 and all that come after it."""
    return ROOT / "src" / "conneg" / "content" / f"_{name}.abi3.so"


def build() -> str | None:
    """Build the modules into the source tree; return why not, in a line, when that cannot be."""
    for name in NAMES:
        module(name).unlink(missing_ok=True)
    headers = sysconfig.get_path("include")
    if not Path(headers, "Python.h").exists():
        return f"Python's headers are not installed ({headers}/Python.h)"
    for name in NAMES:
        trouble = _build(name, headers)
        if trouble is not None:
            return trouble
    return None


def _build(name: str, headers: str) -> str | None:
    compiler = shlex.split(os.environ.get("CC") or "cc")
    sources = sorted(str(path) for path in (ROOT / "src" / name).glob("*.c"))
    scratch = module(name).with_suffix(".new")
    shared = ("-bundle", "-undefined", "dynamic_lookup") if sys.platform == "darwin" else ("-shared",)
    command = [*compiler, *FLAGS, *shared, f"-I{headers}", *sources, "-lm", "-o", str(scratch)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode != 0:
            words = (done.stderr.strip() or "no word from it").splitlines()
            return f"{compiler[0]} failed: {words[0]}"
        scratch.replace(module(name))
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no C compiler ({error})"
    finally:
        scratch.unlink(missing_ok=True)
    return None


class ModulesBuildHook(BuildHookInterface[Any]):
    """Puts the modules into a wheel, which then is one for this platform; without them the wheel is for any."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the files are gathered; an editable install finds the module in the source tree."""
        if self.target_name != "wheel":
            return
        trouble = build()
        if trouble is not None:
            for name in NAMES:
                module(name).unlink(missing_ok=True)
            self.app.display_warning(f"conneg is built without its C modules: {trouble}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform}"
        if version != "editable":
            for name in NAMES:
                build_data["force_include"][str(module(name))] = f"conneg/content/{module(name).name}"


if __name__ == "__main__":
    sys.exit(build())
