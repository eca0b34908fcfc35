"""`features`: media feature sets met, read and chosen from. No peer to name: no other library has this algebra."""

import time
from contextlib import ExitStack
from pathlib import Path

from . import machine
from .model import Absent, Benchmark, Contestant

OFFER = """(| (& (type="image/tiff") (image-file-structure=[TIFF-minimal,TIFF-limited,TIFF]) (color=[Binary,Grey,Full])
  (image-coding=[MH,MR,MMR,JPEG]) (dpi<=600) (pix-x<=5000))
  (& (type="image/jpeg") (color=[Grey,Full]) (pix-x<=4000) (pix-y<=3000))
  (& (type="application/pdf") (color=[Binary,Grey,Full])))"""
ACCEPTED = """(& (color=Binary) (image-file-structure=TIFF-minimal)
  (| (& (dpi=200) (dpi-xyratio=200/100)) (& (dpi=200) (dpi-xyratio=1)) (& (dpi=300) (dpi-xyratio=1)))
  (image-coding=[MH,MMR]) (| (& (pix-x<=1728) (paper-size=A4)) (& (pix-x<=2048) (paper-size=B4))))"""
SECONDS = 0.5


def prepare(stack: ExitStack, scratch: Path) -> Benchmark:
    """A document's offer against what a fax machine takes."""
    try:
        rows = _rows()
    except ImportError as error:
        rows = (Absent("conneg", str(error), ours=True),)
    return Benchmark(
        name="features",
        title="Media feature sets: an offer of three forms and a fax machine's capability",
        unit="a second",
        contestants=rows,
        notes=(
            "no peer exists to compare with: these are figures for whoever wants to build on the library",
        ),
    )


def _rows() -> tuple[Contestant | Absent, ...]:
    from conneg.features import choose, default_preference, feature_set

    offer, accepted = feature_set(OFFER), feature_set(ACCEPTED)
    common, preference = offer & accepted, default_preference()
    if common.is_empty:
        return (Absent("conneg", "the two sets should have something in common", ours=True),)
    version = machine.package_version("conneg")
    return (
        Contestant("intersections", version, lambda: _rate(lambda: offer & accepted), ours=True),
        Contestant("texts read into sets", version, lambda: _rate(lambda: feature_set(ACCEPTED)), ours=True),
        Contestant("choices", version, lambda: _rate(lambda: choose(common, preference)), ours=True),
    )


def _rate(work: object) -> float:
    assert callable(work)
    start = now = time.perf_counter()
    done = 0
    while now - start < SECONDS:
        for _ in range(20):
            work()
        done += 20
        now = time.perf_counter()
    return done / (now - start)
