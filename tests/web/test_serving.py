"""The retrieval server asked by curl: contents, ranges, limits, links that are none."""

import hashlib
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conneg.demo.message import sample
from conneg.staging import Purpose
from tests.web.servers import RetrievalServer, curl, looked_at, serving

DRAWING = bytes(range(256)) * 4000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RetrievalServer]:
    with serving(tmp_path_factory.mktemp("serving")) as running:
        yield running


def test_the_original_comes_as_it_was_and_is_saved_not_shown(server: RetrievalServer) -> None:
    staged = server.stage(DRAWING, part_id="whole", name="Grüße.step")
    answer = curl(f"{server.link(staged)}/original")
    assert answer.status == 200
    assert answer.body == DRAWING
    fields = answer.fields
    assert fields["Content-Type"] == "application/step"
    assert fields["Content-Disposition"].startswith('attachment; filename="Gr__e.step"; filename*=UTF-8')
    assert fields["X-Content-Type-Options"] == "nosniff"
    assert fields["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
    assert fields["Referrer-Policy"] == "no-referrer"
    assert "noindex" in fields["X-Robots-Tag"]
    assert fields["Set-Cookie"] is None
    line = server.told(lambda line: line.get("what") == "original")
    assert (line["item"], line["status"], line["octets"]) == (staged.id, 200, len(DRAWING))
    assert line["address"] == "127.0.0.1"
    assert server.link(staged).rpartition("/")[2] not in str(line), "the log is no key"


def test_head_says_what_get_would_send(server: RetrievalServer) -> None:
    staged = server.stage(DRAWING, part_id="head")
    head, get = curl(f"{server.link(staged)}/original", "-I"), curl(f"{server.link(staged)}/original")
    assert head.body == b""
    for fields in (head.fields, get.fields):
        del fields["Date"]
    assert head.fields.items() == get.fields.items()


def test_ranges(server: RetrievalServer, tmp_path: Path) -> None:
    staged = server.stage(DRAWING, part_id="ranges")
    url = f"{server.link(staged)}/original"
    answer = curl(url, "-r", "5-14")
    assert (answer.status, answer.body) == (206, DRAWING[5:15])
    assert answer.fields["Content-Range"] == f"bytes 5-14/{len(DRAWING)}"
    assert curl(url, "-r", "-7").body == DRAWING[-7:]
    beyond = curl(url, "-r", f"{len(DRAWING)}-")
    assert (beyond.status, beyond.fields["Content-Range"]) == (416, f"bytes */{len(DRAWING)}")
    assert curl(url, "-r", "0-1,5-6").status == 200
    etag = answer.fields["ETag"]
    assert curl(url, "-r", "5-14", "-H", f"If-Range: {etag}").status == 206
    assert curl(url, "-r", "5-14", "-H", 'If-Range: "other"').status == 200
    assert curl(url, "-H", f"If-None-Match: {etag}").status == 304
    assert curl(url, "-H", 'If-Match: "other"').status == 412
    half = tmp_path / "half"
    half.write_bytes(DRAWING[: len(DRAWING) // 3])
    subprocess.run(["curl", "-s", "-C", "-", "-o", half, url], check=True)
    assert half.read_bytes() == DRAWING, "curl goes on where it stopped"


def test_a_download_in_pieces_costs_what_it_sends(server: RetrievalServer) -> None:
    staged = server.stage(DRAWING, part_id="limit", most_downloads=2)
    url = f"{server.link(staged)}/original"
    assert curl(url).status == 200
    half = len(DRAWING) // 2
    assert curl(url, "-r", f"0-{half - 1}").status == 206
    assert curl(url, "-I").status == 200
    assert curl(url).status == 403, "half a download is left"
    assert curl(url, "-r", f"{half}-").status == 206
    refused = curl(url, "-r", "0-0")
    assert refused.status == 403
    assert b"No download is left" in refused.body
    page = curl(server.link(staged)).body
    assert b"fetched as often as it may be" in page
    assert b"/original" not in page


def test_many_at_once_get_no_more_than_is_allowed(server: RetrievalServer) -> None:
    staged = server.stage(DRAWING, part_id="race", most_downloads=3)
    url = f"{server.link(staged)}/original"
    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status for answer in pool.map(lambda _: curl(url), range(8))]
    assert sorted(statuses) == [200] * 3 + [403] * 5


def test_what_a_client_did_not_take_is_given_back(server: RetrievalServer) -> None:
    large = bytes(64 << 20)
    staged = server.stage(large, part_id="broken", most_downloads=1)
    host, _, port = server.url.removeprefix("http://").partition(":")
    path = server.link(staged).removeprefix(server.url)
    with socket.create_connection((host, int(port))) as client:
        client.sendall(f"GET {path}/original HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    server.told(lambda line: line.get("item") == staged.id)
    sent = server.store.usage(staged.id).sent["original"]
    assert 0 < sent < len(large) // 2
    assert curl(f"{server.link(staged)}/original", "-r", f"{len(large) // 2}-").status == 206


def test_links_that_are_none_any_more_and_never_were(server: RetrievalServer) -> None:
    staged = server.stage(DRAWING, part_id="links")
    link = server.link(staged)
    for path in ("", "/original", "/preview-1"):
        expired = curl(server.link(staged, expires_at=time.time() - 1) + path)
        assert expired.status == 410
        assert b"no longer kept" in expired.body
        forged = curl(link[:-1] + ("a" if link[-1] != "a" else "b") + path)
        assert forged.status == 404
        assert b"There is nothing here" in forged.body
        assert b"plan.step" not in forged.body + expired.body
    assert curl(link.upper().replace("HTTP", "http").replace("/S/", "/s/")).status == 200
    session = server.tokens.write(Purpose.SESSION, staged.id, time.time() + 60)
    assert curl(f"{server.url}/s/{session}").status == 404, "a cookie is no link"
    server.store.remove(staged.id)
    assert curl(link).status == 410


def test_other_paths_and_methods(server: RetrievalServer) -> None:
    staged = server.stage(DRAWING, part_id="paths")
    link = server.link(staged)
    for path in ("/", "/s", "/s/", "/../etc/passwd", "/s/%2e%2e/key", "/s/x/y/z"):
        assert curl(server.url + path, "--path-as-is").status == 404
    for path in ("/nonsense", "/page-0", "/page-99999", "/preview-%31%30%30", "/..%2foriginal"):
        assert curl(link + path, "--path-as-is").status == 404
    assert curl(f"{link}/original", "-X", "DELETE").status == 405
    assert curl(f"{link}/original", "-X", "POST", "-d", "x").status == 405
    assert curl(f"{server.url}/healthz").body == b"ok\n"


def test_the_page_offers_the_forms_that_can_be_made(server: RetrievalServer) -> None:
    photo = server.stage(sample("photo.jpg"), part_id="photo", media_type="image/jpeg", name="photo.jpg")
    link = server.link(photo)
    page = looked_at(link)
    assert page.status == 200
    assert b'lang="en"' in page.body
    assert b"/pdf" in page.body
    assert b"/text" not in page.body, "there is no text in a photo"
    assert curl(f"{link}/text").status == 404
    pdf = curl(f"{link}/pdf")
    assert pdf.status == 200
    assert pdf.body.startswith(b"%PDF-")
    assert pdf.fields["Content-Type"] == "application/pdf"
    assert 'filename="photo.pdf"' in pdf.fields["Content-Disposition"]
    piece = curl(f"{link}/pdf", "-r", "0-4", "-H", f"If-Range: {pdf.fields['ETag']}")
    assert (piece.status, piece.body) == (206, b"%PDF-")
    for key in ("preview-1", "page-1"):
        picture = curl(f"{link}/{key}")
        assert picture.fields["Content-Type"] == "image/png"
        assert picture.body.startswith(b"\x89PNG")
    assert curl(f"{link}/preview-2").status == 404


def test_what_nobody_can_read_has_its_page_all_the_same(server: RetrievalServer) -> None:
    staged = server.stage(b"%PDF-1.7 broken", part_id="bad", media_type="application/pdf", name="<b>.pdf")
    page = looked_at(server.link(staged))
    assert page.status == 200
    assert b"&lt;b&gt;.pdf" in page.body
    assert b"<b>.pdf" not in page.body
    assert b"preview" not in page.body


def test_who_guesses_is_sent_away(tmp_path: Path) -> None:
    with serving(tmp_path, "forms = false\n") as server:
        staged = server.stage(b"abc")
        statuses = [curl(f"{server.url}/s/{number:048d}").status for number in range(32)]
        assert statuses == [404] * 30 + [429] * 2
        refused = curl(server.link(staged))
        assert refused.status == 429
        assert refused.fields["Retry-After"] == "600"
        spoken_for = curl(server.link(staged), "-H", "X-Forwarded-For: 192.0.2.7")
        assert spoken_for.status == 200, "the proxy on this machine says who it is"
        line = server.told(lambda line: line.get("address") == "192.0.2.7")
        assert line["status"] == 200


def test_a_proxy_that_is_not_ours_says_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, "forms = false\nproxy_networks = []\n") as server:
        curl(f"{server.url}/s/x", "-H", "X-Forwarded-For: 192.0.2.7")
        assert server.told(lambda line: line.get("event") == "retrieved")["address"] == "127.0.0.1"


def test_what_is_no_http_is_logged_like_everything_else(server: RetrievalServer) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(b"EHLO client.test\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 400")
    line = server.told(lambda line: line.get("level") == "warning")
    assert line["event"] == "Invalid HTTP request received."


def test_a_damaged_item_is_out_of_order_and_the_operator_is_told(server: RetrievalServer) -> None:
    staged = server.stage(DRAWING, part_id="damaged")
    (server.folder / f"staging/items/{staged.id}/item.json").write_text("{}")
    answer = curl(f"{server.link(staged)}/original")
    assert (answer.status, answer.fields["Retry-After"]) == (503, "300")
    assert staged.id in server.told(lambda line: line.get("level") == "error")["error"]


def test_slow_and_silent_clients_hold_nobody_up(server: RetrievalServer) -> None:
    staged = server.stage(DRAWING, part_id="slow")
    host, _, port = server.url.removeprefix("http://").partition(":")
    waiting = [socket.create_connection((host, int(port))) for _ in range(50)]
    try:
        for client in waiting[::2]:
            client.sendall(b"GET /s/")
        answer = curl(f"{server.link(staged)}/original")
        assert hashlib.sha256(answer.body).hexdigest() == staged.sha256
    finally:
        for client in waiting:
            client.close()
