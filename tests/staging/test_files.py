"""The store in a folder: whole items or none, until their time is over."""

import contextlib
import fcntl
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from conneg.staging import FileStore, NoSuchItemError, StagingError, StagingFullError, Usage, read_key
from tests.staging.samples import item, put, small_disk


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "staging", 1 << 24)


def test_what_was_put_is_there_with_all_that_is_known(store: FileStore, tmp_path: Path) -> None:
    kept = put(store, tmp_path, b"0123456789", name="Grüße.step", parameters={"charset": "utf-8"})
    again = FileStore(tmp_path / "staging", 1 << 24)
    assert again.stat(kept.id) == kept
    assert list(again.items()) == [kept]
    assert b"".join(again.read(kept.id, 0, 10)) == b"0123456789"
    assert b"".join(again.read(kept.id, 3, 5)) == b"34"
    with again.local(kept.id) as path:
        assert path.read_bytes() == b"0123456789"


def test_putting_twice_keeps_one_and_prolongs_its_life(store: FileStore, tmp_path: Path) -> None:
    first = put(store, tmp_path, b"abc")
    store.cite(first.id, 1.0)
    second = put(store, tmp_path, b"abc", expires_at=first.expires_at + 100)
    assert second == replace(first, expires_at=first.expires_at + 100, cited_at=1.0)
    assert list(store.items()) == [second]


def test_what_is_removed_is_gone_and_can_be_read_to_its_end(store: FileStore, tmp_path: Path) -> None:
    kept = put(store, tmp_path, b"x" * 1_000_000)
    chunks = store.read(kept.id, 0, kept.octets)
    first = next(chunks)
    store.remove(kept.id)
    assert len(first) + sum(map(len, chunks)) == kept.octets
    for gone in (
        lambda: store.stat(kept.id),
        lambda: store.read(kept.id, 0, 1),
        lambda: store.remove(kept.id),
        lambda: store.cite(kept.id, 0),
        lambda: store.amend(kept.id, lambda usage: (usage, None)),
    ):
        with pytest.raises(NoSuchItemError):
            gone()
    assert list((tmp_path / "staging/incoming").iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "../items", "A" * 16, "a" * 15, "a" * 17, "a/b", "\0" * 16])
def test_no_path_is_made_of_what_is_no_id(store: FileStore, name: str) -> None:
    with pytest.raises(NoSuchItemError):
        store.stat(name)
    with pytest.raises(NoSuchItemError):
        store.remove(name)


def test_the_sweep_takes_what_has_expired_and_what_was_never_cited(store: FileStore, tmp_path: Path) -> None:
    now = time.time()
    day = 86_400
    expired = put(store, tmp_path, b"a", part_id="1", staged_at=now, expires_at=now + 10, cited_at=now)
    uncited = put(store, tmp_path, b"b", part_id="2", staged_at=now, expires_at=now + 9 * day)
    cited = put(store, tmp_path, b"c", part_id="3", staged_at=now, expires_at=now + 9 * day, cited_at=now)
    left = tmp_path / "staging/incoming/left-by-a-crash"
    left.mkdir()
    (left.parent / "a-file").write_bytes(b"x")
    assert store.sweep(now) == []
    assert left.is_dir(), "somebody may be writing it"
    assert store.sweep(now + 11) == [expired]
    assert store.sweep(now + day + 1) == [uncited]
    assert list(left.parent.iterdir()) == []
    assert list(store.items()) == [cited]


def test_a_sweep_looks_again_when_nobody_else_changes_the_item(store: FileStore, tmp_path: Path) -> None:
    """What is cited between the sweep's two looks stays: a message names it."""
    now = time.time()
    kept = put(store, tmp_path, b"a", staged_at=now, expires_at=now + 9 * 86_400)
    folder = tmp_path / "staging/items" / kept.id
    removed: list[object] = []
    sweep = threading.Thread(target=lambda: removed.extend(store.sweep(now + 86_401)))
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as another process does that is about to cite it
        sweep.start()
        sweep.join(0.5)
        (folder / "item.json").write_text(replace(kept, cited_at=now).to_json())
    finally:
        os.close(lock)
    sweep.join()
    assert removed == []
    assert b"".join(store.read(kept.id, 0, 1)) == b"a"


def test_what_is_swept_while_it_comes_in_is_not_half_there(store: FileStore, tmp_path: Path) -> None:
    """The clock may be set forward by a day while an item is written."""
    over = threading.Event()

    def sweep() -> None:
        while not over.is_set():
            store.sweep(time.time() + 86_401)

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for number in range(400):
            octets = bytes([number % 256]) * 3000
            with contextlib.suppress(StagingError):
                kept = put(store, tmp_path, octets, part_id=str(number), cited_at=1.0, expires_at=2.0**33)
                assert b"".join(store.read(kept.id, 0, 3000)) == octets
    finally:
        over.set()
        sweeper.join()
    for each in store.items():
        assert len(b"".join(store.read(each.id, 0, each.octets))) == 3000


def test_above_the_quota_there_is_room_only_when_something_has_expired(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "staging", 1000)
    old = put(store, tmp_path, b"x" * 900, part_id="1", expires_at=time.time() + 0.2)
    with pytest.raises(StagingFullError, match="no room for 200 B"):
        put(store, tmp_path, b"y" * 200, part_id="2")
    time.sleep(0.25)
    new = put(store, tmp_path, b"y" * 200, part_id="2")
    assert [one.id for one in store.items()] == [new.id] != [old.id]
    assert store.octets() == 200


def test_what_many_take_at_once_is_counted_right(store: FileStore, tmp_path: Path) -> None:
    kept = put(store, tmp_path, b"abc")

    def count() -> None:
        for _ in range(20):
            store.amend(
                kept.id, lambda u: (replace(u, sent={"original": u.sent.get("original", 0) + 1}), None)
            )

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.usage(kept.id) == Usage(sent={"original": 80})


def test_on_a_full_disk_nothing_is_half_there(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        store = FileStore(disk / "staging", 1 << 30)
        with pytest.raises(StagingError, match="No space left"):
            put(store, tmp_path, b"x" * (1 << 21))
        assert list(store.items()) == []
        assert list((disk / "staging/incoming").iterdir()) == []
        kept = put(store, tmp_path, b"x" * 1000)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(StagingError, match="Read-only"):
            put(store, tmp_path, b"y" * 1000, part_id="2")
        assert b"".join(store.read(kept.id, 0, 1000)) == b"x" * 1000


def test_a_damaged_item_is_told_of_and_left_out(store: FileStore, tmp_path: Path) -> None:
    kept = put(store, tmp_path, b"abc")
    (tmp_path / f"staging/items/{kept.id}/item.json").write_text("{}")
    with pytest.raises(StagingError, match=r"item\.json cannot be read"):
        store.stat(kept.id)
    assert list(store.items()) == []


_STAGER = """
import sys
from pathlib import Path
from conneg.staging import FileStore
from tests.staging.samples import put
folder, number = Path(sys.argv[1]), int(sys.argv[2])
store = FileStore(folder / "staging", 1 << 30)
print("ready", flush=True)
while True:
    number += 1
    kept = put(store, folder, b"%d " % number * 60_000, part_id=str(number))
    print(kept.id, flush=True)
"""


def test_killed_at_any_moment_it_leaves_whole_items_or_none(tmp_path: Path) -> None:
    moments = random.Random(2046)
    said: list[str] = []
    for life in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", _STAGER, str(tmp_path), str(life * 1000)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0.02, 0.25))
        process.send_signal(signal.SIGKILL)
        said += [
            line.strip() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")
        ]
        process.wait()
    store = FileStore(tmp_path / "staging", 1 << 30)
    kept = {one.id: one for one in store.items()}
    assert set(said) <= set(kept), "what was said to be durable is there"
    assert len(said) > 8
    for one in kept.values():
        octets = b"".join(store.read(one.id, 0, one.octets))
        assert hashlib.sha256(octets).hexdigest() == one.sha256
    folders = {entry.name for entry in (tmp_path / "staging/items").iterdir()}
    assert folders == set(kept), "nothing is half there"
    store.sweep(time.time() + 2 * 86_400)
    assert list((tmp_path / "staging/incoming").iterdir()) == []
    assert list(store.items()) == []


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "staging/key"
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(read_key(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]


def test_a_key_that_others_may_read_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    read_key(path)
    path.chmod(0o640)
    with pytest.raises(StagingError, match="others may read"):
        read_key(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(StagingError, match="is no key"):
        read_key(path)


def test_a_content_that_is_not_there_is_no_item(store: FileStore, tmp_path: Path) -> None:
    with contextlib.suppress(StagingError):
        store.put(item(b"abc"), tmp_path / "missing")
    assert list(store.items()) == []
    assert os.listdir(tmp_path / "staging/incoming") == []
