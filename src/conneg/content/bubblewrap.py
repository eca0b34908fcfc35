"""bubblewrap, where it is installed and works: a worker in namespaces of its own, which sees a few folders only.

https://github.com/containers/bubblewrap; Debian: `apt-get install bubblewrap`.
"""

import functools
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

_PROBE_SECONDS = 10


@functools.cache
def program() -> str | None:
    """Return the path of bwrap if it is there and the kernel lets it make its namespaces; found out once."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    probe = [found, "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]
    try:
        done = subprocess.run(
            probe, capture_output=True, timeout=_PROBE_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found if done.returncode == 0 else None


def command(
    bwrap: str,
    inner: Sequence[str],
    *,
    readable: Iterable[Path],
    documents: Path,
    results: Path,
    temporary: Path | None = None,
) -> list[str]:
    """Return the command that runs `inner` with no network, no other processes, and these folders alone.

    `temporary` is what it finds as `/tmp`; left out, there is none.
    """
    words = [bwrap, "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
    if temporary is not None:  # first, as the other folders may be below it
        words += ["--bind", str(temporary), "/tmp"]  # noqa: S108
    for path in readable:
        words += ["--ro-bind-try", str(path), str(path)]
    words += ["--dev", "/dev", "--proc", "/proc"]
    words += ["--ro-bind", str(documents), str(documents), "--bind", str(results), str(results)]
    return [*words, "--chdir", str(results), "--", *inner]
