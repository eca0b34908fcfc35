"""The fence: what a reader might be made to do, tried from inside it, behind each of its layers alone."""

import asyncio
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from conneg.content import bubblewrap, landlock, seccomp
from conneg.content.errors import ContentRefusedError
from conneg.content.fence import LAYERS, Fence, WorkerLimits
from conneg.content.source import Source
from conneg.content.workers import Workers
from conneg.errors import UnavailableError
from tests.content.test_workers import BAD
from tests.system import require

T = TypeVar("T")
KEPT = {"EPERM", "EACCES", "ENOENT", "EROFS", "ENETUNREACH", "ESRCH", "EAGAIN", "ECONNREFUSED"}
"""What somebody hears who is kept from something. A refused connection means that there is another network."""


def run(
    use: Callable[[Workers], Awaitable[T]], layers: Sequence[str], limits: WorkerLimits | None = None
) -> T:
    async def main() -> T:
        async with Workers(1, limits or WorkerLimits(wall_seconds=20), layers=layers, command=BAD) as workers:
            return await use(workers)

    return asyncio.run(main())


def attempt(how: str, layers: Sequence[str], document: Path, limits: WorkerLimits | None = None) -> str:
    async def use(workers: Workers) -> str:
        return (await workers.inspect(Source(document, "text/plain", name=how))).media_type

    return run(use, layers, limits)


def need(layer: str) -> None:
    match layer:
        case "landlock":
            if not landlock.version():
                pytest.skip("this kernel has no Landlock")
        case "seccomp":
            if sys.platform != "linux":
                pytest.skip("no seccomp here")
        case "bubblewrap":
            require("bwrap", "bubblewrap")
            if bubblewrap.program() is None:
                pytest.skip("bubblewrap cannot make its namespaces here")
        case "namespace":
            if not run(lambda workers: workers.fence(), ("namespace",)).network:
                pytest.skip("this kernel gives no network namespace to this user")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "document"
    path.write_bytes(b"content")
    return path


@pytest.fixture
def port() -> object:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def tries(tmp_path: Path, port: int) -> dict[str, str]:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    return {
        "tcp": f"connect tcp:{port}",
        "udp": f"connect udp:{port}",
        "read": "read /etc/passwd",
        "beside": f"read {secret}",
        "write": f"write {tmp_path / 'written'}",
        "document": "write-document",
        "execute": "execute",
        "fork": "fork",
        "signal": f"signal {os.getpid()}",
        "trace": f"trace {os.getpid()}",
    }


# in bubblewrap's network there is a loopback interface with nobody on it: UDP goes out there, and to nobody
KEEPS_FROM = {
    "namespace": ["tcp", "udp"],
    "landlock": ["read", "beside", "write", "document", "execute", "tcp", "signal"],
    "seccomp": ["tcp", "udp", "execute", "fork", "signal", "trace"],
    "bubblewrap": ["tcp", "read", "beside", "write", "document", "signal", "trace"],
}


@pytest.mark.parametrize(
    ("layer", "what"), [(layer, what) for layer, all_ in KEEPS_FROM.items() for what in all_]
)
def test_each_layer_alone(layer: str, what: str, tmp_path: Path, document: Path, port: int) -> None:
    need(layer)
    if layer == "landlock" and what == "tcp" and landlock.version() < 4:
        pytest.skip("this kernel's Landlock knows no TCP")
    if layer == "landlock" and what == "signal" and landlock.version() < 6:
        pytest.skip("this kernel's Landlock knows no signals")
    assert attempt(tries(tmp_path, port)[what], (layer,), document) in KEPT
    assert not (tmp_path / "written").exists()
    assert document.read_bytes() == b"content"


def test_without_a_fence_all_of_it_can_be_done(tmp_path: Path, document: Path, port: int) -> None:
    """The check on the check: but for fork, from which its limit keeps a user who is not root."""
    for what, how in tries(tmp_path, port).items():
        if what in ("tcp", "udp", "read", "beside", "write", "document", "signal"):
            assert attempt(how, (), document) == "done", what
    assert (tmp_path / "written").exists()
    assert document.read_bytes() == b"content", "it wrote to a copy"


@pytest.mark.parametrize(
    "what", ["tcp", "udp", "read", "beside", "write", "document", "execute", "fork", "signal"]
)
def test_all_layers_together(what: str, tmp_path: Path, document: Path, port: int) -> None:
    if not run(lambda workers: workers.fence(), LAYERS).is_closed:
        pytest.skip("this kernel has neither Landlock nor seccomp")
    assert attempt(tries(tmp_path, port)[what], LAYERS, document) in KEPT


def test_a_unix_socket(tmp_path: Path, document: Path) -> None:
    need("seccomp")
    address = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        assert attempt(f"connect-unix {address}", ("seccomp",), document) in KEPT
        assert attempt(f"connect-unix {address}", (), document) == "done"


def test_limits(document: Path) -> None:
    limits = WorkerLimits(open_files=40, output_octets=1 << 20, wall_seconds=20)
    assert attempt("open-many", LAYERS, document, limits) == "EMFILE"
    assert attempt("write-endlessly", LAYERS, document, limits) == "EFBIG"


def test_a_result_can_be_written_and_the_next_job_finds_nothing_of_it(document: Path) -> None:
    async def use(workers: Workers) -> list[str]:
        names = ("write-result", "look-around", "write-result", "look-around")
        return [(await workers.inspect(Source(document, "text/plain", name=how))).media_type for how in names]

    assert run(use, LAYERS) == ["done"] * 4


def test_a_result_elsewhere_is_refused(tmp_path: Path, document: Path) -> None:
    from conneg.content.conversion import ConversionJob
    from conneg.content.fidelity import Fidelity
    from conneg.features import collection

    source = Source(document, "text/plain", name="x")
    job = ConversionJob((source,), collection('(type="x/y")'), tmp_path, "x")

    async def use(workers: Workers) -> None:
        async def ask(worker: object, request: object, progress: object = None) -> dict[str, object]:
            file = {"path": "/etc/passwd", "media_type": "x/y", "filename": "x", "features": "", "pages": 1}
            return {"files": [{**file, "octets": 1}], "fidelity": Fidelity().as_json()}

        worker = workers._idle[0]
        worker.ask = ask.__get__(worker)  # type: ignore[method-assign]
        with pytest.raises(ContentRefusedError, match="outside its directory"):
            await workers.convert(job)

    run(use, LAYERS)
    assert Path("/etc/passwd").exists()


def test_nothing_is_left_of_a_worker(tmp_path: Path, document: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    async def main() -> None:
        async with Workers(2, scratch=scratch, command=BAD) as workers:
            await workers.inspect(Source(document, "text/plain", name="well"))
            assert len(list(scratch.iterdir())) == 2

    asyncio.run(main())
    assert list(scratch.iterdir()) == []


def test_who_wants_a_closed_fence_is_told_where_there_is_none() -> None:
    async def main(layers: Sequence[str]) -> Fence:
        async with Workers(1, layers=layers, closed_only=True, command=BAD) as workers:
            return await workers.fence()

    with pytest.raises(UnavailableError, match="nothing keeps them from network and files and processes"):
        asyncio.run(main(()))
    if not landlock.version():
        pytest.skip("this kernel has no Landlock")
    fence = asyncio.run(main(LAYERS))
    assert fence.is_closed
    assert Fence.from_json(json.loads(json.dumps(fence.as_json()))) == fence


def headers() -> dict[str, Path]:
    return {
        "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        "aarch64": Path("/usr/include/asm-generic/unistd.h"),
    }


@pytest.mark.system
@pytest.mark.parametrize("column", [0, 1], ids=["x86_64", "aarch64"])
def test_the_numbers_of_system_calls_are_the_kernel_s(column: int) -> None:
    file = list(headers().values())[column]
    if not file.exists():
        pytest.skip("needs libc6-dev: apt-get install libc6-dev")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", file.read_text())
    numbers = {name: int(number) for name, number in found}
    for name, calls in seccomp.DENIED.items():
        assert numbers.get(name, 0) == calls[column], name


def test_bubblewrap_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    bubblewrap.program.cache_clear()
    assert bubblewrap.program() is None
    monkeypatch.undo()
    assert bubblewrap.program() is None
    bubblewrap.program.cache_clear()
