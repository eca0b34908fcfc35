"""The program of a worker process: raises its fence, loads what it needs, then does one job after the other.

Started by `conneg.content.workers` only, as `python -m conneg.content.worker_main ORDERS`, with `Orders` as JSON. Jobs
come on standard input, replies go to standard output (`conneg.content.wire`).
"""

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.fence import Orders, WorkerLimits, grant_cpu, raise_fence, raise_limits
from conneg.content.formats import html_is_laid_out
from conneg.content.source import ReadLimits, Source
from conneg.content.wire import read_message, write_message
from conneg.errors import ConnegError

PROGRESS_SECONDS = 0.05

Send = Callable[[dict[str, Any]], None]

_PRELOADED = (
    "numpy",
    "PIL.Image",
    "pypdfium2",
    "pillow_heif",
    "uharfbuzz",
    "resvg_py",
    "conneg.features",
    "conneg.content.inspection",
    "conneg.content.conversion",
    "conneg.content.readers.image",
    "conneg.content.readers.pdf",
    "conneg.content.readers.text",
    "conneg.content.readers.svg",
    "conneg.content.writers",
    "conneg.content.writers.tiff",
    "conneg.content.writers.jpeg",
    "conneg.content.writers.png",
    "conneg.content.writers.pdf",
    "conneg.content.conformance",
)


def main() -> int:
    """Run until standard input ends; returns the exit status."""
    orders = Orders.from_json(json.loads(sys.argv[1]))
    limits = orders.limits
    requests, replies = _take_standard_streams()
    raise_limits(limits)
    _preload()
    fence = raise_fence(orders)
    write_message(replies, {"ready": True, "fence": fence.as_json()})
    while (request := read_message(requests)) is not None:
        grant_cpu(limits)
        _serve(request, limits, lambda value: write_message(replies, value))
    return 0


def _take_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return streams for jobs and replies; what a library prints goes to standard error from now on."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, replies


def _preload() -> None:
    """Import what jobs need, so that no job waits for it; what is not installed is passed over."""
    for name in _PRELOADED:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    if html_is_laid_out():
        importlib.import_module("conneg.content.readers.html")
    if "PIL.Image" in sys.modules:
        sys.modules["PIL.Image"].init()
    gc.freeze()


def _serve(request: dict[str, Any], limits: WorkerLimits, send: Send) -> None:
    """Do one job and send its reply: a result, or what went wrong. `spent` asks the parent for a new worker."""
    try:
        send({"result": _JOBS[request["job"]](request, ReadLimits(limits.pages, limits.pixels), send)})
    except ContentRefusedError as error:
        send({"error": "refused", "message": str(error), "hint": error.hint})
    except ConnegError as error:
        send({"error": "conversion", "message": str(error), "hint": error.hint})
    except MemoryError:
        megabytes = limits.memory_octets >> 20
        send(
            {"error": "refused", "message": f"exceeded its limit of {megabytes} MiB of memory", "spent": True}
        )
    except Exception as error:
        # a fault of ours or of a library, on octets that somebody sent: the document cannot be handled
        sys.excepthook(*sys.exc_info())
        send(
            {
                "error": "refused",
                "message": f"cannot be handled ({type(error).__name__}: {error})",
                "spent": True,
            }
        )


def _inspect(request: dict[str, Any], limits: ReadLimits, send: Send) -> dict[str, Any]:
    from conneg.content.inspection import inspect

    return {"inspection": inspect(Source.from_json(request["source"]), limits).to_json()}


def _now_and_then(send: Send) -> Callable[[int, int], None]:
    """Return what tells of progress: at the end, and in between as often as anybody could see it."""
    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if done == total or now - told >= PROGRESS_SECONDS:
            told = now
            send({"progress": [done, total]})

    return tell


def _convert(request: dict[str, Any], limits: ReadLimits, send: Send) -> dict[str, Any]:
    from conneg.content.conversion import ConversionJob, convert

    job = ConversionJob.from_json(request["conversion"])
    try:
        rendition = convert(job, limits, _now_and_then(send))
    except OSError as error:
        raise ConversionError(f"the rendition cannot be written: {error.strerror or error}") from error
    return rendition.as_json()


def _join(request: dict[str, Any], limits: ReadLimits, send: Send) -> dict[str, Any]:
    from conneg.content.conversion import ConversionJob, join_parts
    from conneg.content.rendition import Rendition

    job = ConversionJob.from_json(request["conversion"])
    try:
        rendition = join_parts([Rendition.from_json(part) for part in request["parts"]], job)
    except OSError as error:
        raise ConversionError(f"the rendition cannot be written: {error.strerror or error}") from error
    return rendition.as_json()


def _verify(request: dict[str, Any], limits: ReadLimits, send: Send) -> dict[str, Any]:
    from conneg.content.conformance import verify_file
    from conneg.features import feature_set, widen

    accepted = widen(feature_set(request["accepted"], lenient=True))
    return {"problems": list(verify_file(Path(request["path"]), request["media_type"], accepted))}


_JOBS: dict[str, Callable[[dict[str, Any], ReadLimits, Send], dict[str, Any]]] = {
    "inspect": _inspect,
    "convert": _convert,
    "join": _join,
    "verify": _verify,
}

if __name__ == "__main__":
    sys.exit(main())
