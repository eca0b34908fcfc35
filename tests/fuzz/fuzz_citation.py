"""Fuzz target: any octets as a message, one leaf of it cited. The link is there, and nothing else is lost."""

import re
from datetime import UTC, datetime

from conneg.errors import ConnegError
from conneg.mail import Citation, cite, decode_body, read_parts, splice

_BLOCK = re.compile(rb'<span role="note".*?</span>\r\n', re.DOTALL)
_URL = "https://files.test/s/" + "a2" * 24


def fuzz_one(data: bytes) -> None:
    """Read `data` as a message; its first octet says which leaf is cited. Raises only on a bug."""
    content = data[1:]
    try:
        root = read_parts(content)
    except ConnegError:
        return
    leaves = root.leaves()
    chosen = leaves[data[0] % len(leaves)] if data else leaves[0]
    citation = Citation(
        name=chosen.filename,
        media_type="application/octet-stream",
        octets=chosen.body_end - chosen.body_start,
        expires_at=datetime(2026, 12, 11, tzinfo=UTC),
        why="It is too large to be sent by mail.",
        url=_URL,
        content_id="x@gateway.test",
        content_url=f"{_URL}/original" if data[:1] < b"\x80" else None,
    )
    new = splice(content, root, cite(content, root, {chosen.id: citation}, {}))
    try:
        after = read_parts(new)
    except ConnegError:  # two parts more than there may be
        return
    texts = [leaf for leaf in after.leaves() if leaf.media_type == "text/plain"]
    assert any(_URL.encode() in decode_body(new, leaf) for leaf in texts)
    bodies = _BLOCK.sub(b"", b"\0".join(decode_body(new, leaf) for leaf in after.leaves()))
    for leaf in leaves:
        octets = decode_body(content, leaf)
        gives_way = leaf is chosen or b"cid:" in octets.lower()
        assert gives_way or octets in bodies
