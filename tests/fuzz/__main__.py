"""`make fuzz`: each fuzz target under coverage guidance (atheris) for a while; without atheris by plain mutation.

ARGS: `--seconds N` for each target (60), `--keep FOLDER`, and names of targets. A finding is printed with its input in
hexadecimal, and the exit status is then 1. Each target starts from its own folder in `corpus`, which is only read: what
guided runs find on the way goes to a folder of the target's name in FOLDER, or nowhere.
"""

import argparse
import importlib
import importlib.util
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("fuzz_*.py"))
CORPUS = FOLDER / "corpus"
MAX_OCTETS = 8192
"""Above the longest line of commands or replies that is read."""


def target(name: str) -> Callable[[bytes], None]:
    """Return the function that takes one input."""
    function: Callable[[bytes], None] = importlib.import_module(f"tests.fuzz.{name}").fuzz_one
    return function


def seeds(name: str) -> list[bytes]:
    """Return the inputs that are kept for one target."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def showing(name: str, one: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Return `one` such that an input that is a finding is printed."""

    def shown(data: bytes) -> None:
        try:
            one(data)
        except Exception:
            print(f"{name}: input {data.hex()}", flush=True)
            raise

    return shown


def mutate(data: bytes, source: random.Random) -> bytes:
    """Return `data` with some octets changed, taken out, doubled or put in."""
    octets = bytearray(data)
    for _ in range(source.randint(1, 8)):
        at = source.randrange(len(octets) + 1)
        match source.randrange(4):
            case 0:
                octets[at:at] = source.choice(
                    [b"(", b")", b"\r\n", b"\0", b"9" * 40, b'"', source.randbytes(3)]
                )
            case 1 if octets:
                del octets[at : at + source.randint(1, 9)]
            case 2 if octets:
                octets[at:at] = octets[at : at + source.randint(1, 30)]
            case _ if at < len(octets):
                octets[at] = source.randrange(256)
            case _:
                pass
    return bytes(octets)


def run_plain(name: str, seconds: float) -> int:
    """Mutate the seeds for `seconds`; return how many inputs were tried."""
    one, source, tried = showing(name, target(name)), random.Random(0), 0
    pool = seeds(name)
    for data in pool:
        one(data)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutate(source.choice(pool), source)
        tried += 1
        one(data)
        if len(pool) < 500 and source.random() < 0.02:
            pool.append(data)
    return tried


def run_guided(name: str, seconds: float, keep: Path) -> None:
    """Run one target under atheris; never returns (libFuzzer ends the process). New inputs go to `keep`."""
    import atheris

    with atheris.instrument_imports(include=["conneg"]):
        one = target(name)
    options = [f"-max_total_time={int(seconds)}", f"-max_len={MAX_OCTETS}", "-print_final_stats=1"]
    # libFuzzer writes what is new to the first folder and reads all of them
    folders = [f"-artifact_prefix={keep}/", str(keep), str(CORPUS / name)]
    atheris.Setup([sys.argv[0], *options, *folders], showing(name, one))
    atheris.Fuzz()


def is_clean(name: str, seconds: float, kind: str, keep: Path) -> bool:
    """Run one target in a process of its own and print how it ended; False for a finding."""
    folder = keep / name
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{name}: {seconds:g} seconds, {kind}", flush=True)
    command = [
        sys.executable, "-m", "tests.fuzz", name,
        "--seconds", str(seconds), "--child", kind, "--keep", str(folder),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    print("\n".join(f"    {line}" for line in (lines if done.returncode else lines[-6:])), flush=True)
    return done.returncode == 0


def main() -> int:
    """Run the targets, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("names", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where new inputs of guided runs go")
    parser.add_argument("--child", choices=["guided", "plain"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child == "guided":
        run_guided(options.names[0], options.seconds, options.keep)
    if options.child == "plain":
        print(f"{options.names[0]}: {run_plain(options.names[0], options.seconds)} inputs, no finding")
        return 0
    kind = "guided" if importlib.util.find_spec("atheris") else "plain"
    with tempfile.TemporaryDirectory(prefix="conneg-fuzz-") as nowhere:
        keep = options.keep or Path(nowhere)
        failed = [name for name in options.names or NAMES if not is_clean(name, options.seconds, kind, keep)]
    print(f"findings in {', '.join(failed)}" if failed else "no finding")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
