"""Builds the optional C module conneg.content._bilevel with the system's compiler, when hatchling builds or installs.

Without a compiler, or without Python's headers, one line says so, and pages are made through Pillow's libtiff and
numpy: slower, and the same octets. `python hatch_build.py` builds the module in the source tree alone.
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
SOURCES = ROOT / "src" / "bilevel"
MODULE = ROOT / "src" / "conneg" / "content" / "_bilevel.abi3.so"
"""abi3: written to Python's limited API, one file serves CPython 3.11 and all that come after it."""

FLAGS = ("-O3", "-std=c11", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra")
SECONDS = 120


def build() -> str | None:
    """Build the module into the source tree; return why not, in a line, when that cannot be."""
    compiler = shlex.split(os.environ.get("CC") or "cc")
    headers = sysconfig.get_path("include")
    if not Path(headers, "Python.h").exists():
        return f"Python's headers are not installed ({headers}/Python.h)"
    sources = sorted(str(path) for path in SOURCES.glob("*.c"))
    scratch = MODULE.with_suffix(".new")
    shared = ("-bundle", "-undefined", "dynamic_lookup") if sys.platform == "darwin" else ("-shared",)
    command = [*compiler, *FLAGS, *shared, f"-I{headers}", *sources, "-o", str(scratch)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode != 0:
            words = (done.stderr.strip() or "no word from it").splitlines()
            return f"{compiler[0]} failed: {words[0]}"
        scratch.replace(MODULE)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no C compiler ({error})"
    finally:
        scratch.unlink(missing_ok=True)
    return None


class BilevelBuildHook(BuildHookInterface[Any]):
    """Puts the module into a wheel, which then is one for this platform; without it the wheel is for any."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the files are gathered; an editable install finds the module in the source tree."""
        if self.target_name != "wheel":
            return
        MODULE.unlink(missing_ok=True)
        trouble = build()
        if trouble is not None:
            self.app.display_warning(f"conneg is built without its C module: {trouble}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform}"
        if version != "editable":
            build_data["force_include"][str(MODULE)] = f"conneg/content/{MODULE.name}"


if __name__ == "__main__":
    sys.exit(build())
