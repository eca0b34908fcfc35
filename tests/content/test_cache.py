"""The cache of renditions: the same is made once, and never a wrong one or half of one is given out."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from conneg.bounds import Bound
from conneg.content import cache as module
from conneg.content.cache import RenditionCache, key_of
from conneg.content.conversion import ConversionJob
from conneg.content.errors import ContentRefusedError
from conneg.content.rendition import Rendition, RenditionFile
from conneg.content.source import Source
from conneg.features import collection

TARGET = collection('(& (type="image/tiff") (color=Binary))')


class Maker:
    """Makes a file of the sources' octets, a hundred times over; counts, and may be slow, or fail."""

    def __init__(self, *, fails: int = 0) -> None:
        self.made = 0
        self.fails = fails
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, job: ConversionJob) -> Rendition:
        self.made += 1
        await self.go.wait()
        if self.made <= self.fails:
            raise ContentRefusedError("not this time")
        octets = b"".join(source.path.read_bytes() for source in job.sources) * 100
        path = job.out_dir / f"{job.stem}.tif"
        path.write_bytes(octets)
        return Rendition(
            (RenditionFile(path, "image/tiff", path.name, "(a=b)", pages=1, octets=len(octets)),)
        )


def job(folder: Path, name: str, octets: bytes = b"x", *, stem: str = "page") -> ConversionJob:
    here = folder / name
    here.mkdir()
    (here / "source").write_bytes(octets)
    return ConversionJob((Source(here / "source", "text/plain"),), TARGET, here, stem)


def content(rendition: Rendition) -> bytes:
    return rendition.files[0].path.read_bytes()


async def test_the_same_is_made_once(tmp_path: Path) -> None:
    cache, make = RenditionCache(tmp_path / "cache", 10_000), Maker()
    first, second = job(tmp_path, "1"), job(tmp_path, "2")
    made = [await cache.rendition(one, make) for one in (first, second)]
    assert make.made == 1
    assert [content(one) for one in made] == [b"x" * 100] * 2
    assert [one.files[0].path.parent for one in made] == [first.out_dir, second.out_dir]
    cache.close()
    assert content(made[1]) == b"x" * 100, "what was given out is the caller's"


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, stem="other"),
        lambda one: replace(one, target=collection('(& (type="image/tiff") (color=Grey))')),
        lambda one: replace(one, sources=(replace(one.sources[0], declared_type="text/html"),)),
        lambda one: replace(one, sources=(replace(one.sources[0], charset="utf-8"),)),
        lambda one: replace(one, sources=(replace(one.sources[0], flowed=True),)),
        lambda one: replace(one, sources=(replace(one.sources[0], inline=(("id", one.sources[0].path),)),)),
        lambda one: replace(one, sources=one.sources * 2),
    ],
)
def test_whatever_decides_on_a_rendition_is_in_its_key(tmp_path: Path, change: object) -> None:
    one = job(tmp_path, "1")
    assert callable(change)
    assert key_of(change(one)) != key_of(one)
    assert key_of(job(tmp_path, "2")) == key_of(one), "but not where the files are"
    assert key_of(job(tmp_path, "3", b"y")) != key_of(one)


async def test_who_asks_meanwhile_waits(tmp_path: Path) -> None:
    cache, make = RenditionCache(tmp_path / "cache", 10_000), Maker()
    make.go.clear()
    asking = [asyncio.create_task(cache.rendition(job(tmp_path, str(n)), make)) for n in range(5)]
    await asyncio.sleep(0.05)
    assert make.made == 1
    make.go.set()
    assert [content(one) for one in await asyncio.gather(*asking)] == [b"x" * 100] * 5
    assert make.made == 1


async def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    cache, make = RenditionCache(tmp_path / "cache", 10_000), Maker(fails=1)
    with pytest.raises(ContentRefusedError):
        await cache.rendition(job(tmp_path, "1"), make)
    assert content(await cache.rendition(job(tmp_path, "2"), make)) == b"x" * 100
    assert make.made == 2


async def test_who_waited_for_a_failure_tries_alone(tmp_path: Path) -> None:
    cache, make = RenditionCache(tmp_path / "cache", 10_000), Maker(fails=1)
    make.go.clear()
    first, second = (asyncio.create_task(cache.rendition(job(tmp_path, n), make)) for n in ("1", "2"))
    await asyncio.sleep(0.05)
    make.go.set()
    with pytest.raises(ContentRefusedError):
        await first
    assert content(await second) == b"x" * 100


async def test_what_was_used_least_lately_is_forgotten(tmp_path: Path) -> None:
    cache, make = RenditionCache(tmp_path / "cache", 250), Maker()
    for name in ("a", "b", "a2", "c", "a3", "b2"):  # a and b fit; c drives b out, as a was used since
        await cache.rendition(job(tmp_path, name, name[0].encode()), make)
        assert cache.octets <= 250
    assert make.made == 4
    assert len(list((tmp_path / "cache").iterdir())) == 2


async def test_their_number_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", Bound("content.cached-renditions", 3, "", "", ""))
    cache, make = RenditionCache(tmp_path / "cache", 1_000_000), Maker()
    for number in range(9):
        await cache.rendition(job(tmp_path, str(number), b"%d" % number), make)
    assert len(list((tmp_path / "cache").iterdir())) == 3


async def test_what_is_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache, make = RenditionCache(tmp_path / "cache", 99), Maker()
    for name in ("1", "2"):
        assert content(await cache.rendition(job(tmp_path, name), make)) == b"x" * 100
    assert make.made == 2
    assert list((tmp_path / "cache").iterdir()) == []


async def test_what_somebody_removed_is_made_again(tmp_path: Path) -> None:
    cache, make = RenditionCache(tmp_path / "cache", 10_000), Maker()
    first = await cache.rendition(job(tmp_path, "1"), make)
    assert content(first) == b"x" * 100
    for path in (tmp_path / "cache").rglob("*.tif"):
        path.unlink()
    assert content(await cache.rendition(job(tmp_path, "2"), make)) == b"x" * 100
    assert make.made == 2


def test_it_begins_empty(tmp_path: Path) -> None:
    (tmp_path / "cache" / "old").mkdir(parents=True)
    RenditionCache(tmp_path / "cache", 10)
    assert list((tmp_path / "cache").iterdir()) == []
