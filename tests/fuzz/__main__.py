"""`make fuzz`: each fuzz target under coverage guidance (atheris) for a while; without atheris by plain mutation.

ARGS: `--seconds N` for each target (60), and names of targets. A finding is printed with its input in hexadecimal, and
the exit status is then 1.
"""

import argparse
import importlib
import importlib.util
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("fuzz_*.py"))
SEEDS = [
    b"(& (dpi=[200,300]) (color=Binary) (| (x<=3/2) (! (y=a))))",
    b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d> CONNEG=REQUIRED\r\nDATA\r\nx\r\n.\r\n",
    b"250-ok\r\n250 CONNEG (& (color=Binary) (image-coding=[MH,MR]))\r\n",
    b'[addresses]\n"june@ifax1.jp" = "(dpi=200)"\n',
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
    b"version: STSv1\nmode: enforce\nmx: *.example.net\nmax_age: 604800\n",
    b"II*\0\x08\0\0\0\x01\0\0\x01\x04\0\x01\0\0\0\x10\0\0\0\0\0\0\0",
    b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>",
]


def target(name: str) -> Callable[[bytes], None]:
    """Return the function that takes one input."""
    function: Callable[[bytes], None] = importlib.import_module(f"tests.fuzz.{name}").fuzz_one
    return function


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
    one, source, tried = target(name), random.Random(0), 0
    pool = list(SEEDS)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutate(source.choice(pool), source)
        tried += 1
        try:
            one(data)
        except Exception:
            print(f"{name}: input {data.hex()}", flush=True)
            raise
        if len(pool) < 500 and source.random() < 0.02:
            pool.append(data)
    return tried


def run_guided(name: str, seconds: float) -> None:
    """Run one target under atheris; never returns (libFuzzer ends the process)."""
    import atheris

    with atheris.instrument_imports(include=["conneg"]):
        one = target(name)
    atheris.Setup(
        [sys.argv[0], f"-max_total_time={int(seconds)}", "-max_len=4096", "-print_final_stats=1"], one
    )
    atheris.Fuzz()


def main() -> int:
    """Run the targets, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("names", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--child", choices=["guided", "plain"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child == "guided":
        run_guided(options.names[0], options.seconds)
    if options.child == "plain":
        print(f"{options.names[0]}: {run_plain(options.names[0], options.seconds)} inputs, no finding")
        return 0
    kind = "guided" if importlib.util.find_spec("atheris") else "plain"
    failed = []
    for name in options.names or NAMES:
        print(f"{name}: {options.seconds:g} seconds, {kind}", flush=True)
        command = [
            sys.executable,
            "-m",
            "tests.fuzz",
            name,
            "--seconds",
            str(options.seconds),
            "--child",
            kind,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = (done.stdout + done.stderr).splitlines()
        print("\n".join(f"    {line}" for line in (lines if done.returncode else lines[-6:])), flush=True)
        if done.returncode:
            failed.append(name)
    print(f"findings in {', '.join(failed)}" if failed else "no finding")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
