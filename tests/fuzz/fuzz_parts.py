"""Fuzz target: any octets as a message. Parsing, decoding and splicing must hold what they promise."""

from conneg.errors import ConnegError
from conneg.mail import NewPart, decode_body, outline, read_parts, splice

_NEW = NewPart("image/tiff", b"II*\0", "new.tif")


def fuzz_one(data: bytes) -> None:
    """Read `data` as a message; its first octet says which leaf is replaced. Raises only on a bug."""
    content = data[1:]
    try:
        root = read_parts(content)
    except ConnegError:
        return
    outline(root)
    for part in root.walk():
        decode_body(content, part)
        for field in part.fields:
            assert content[field.start : field.end] == field.raw
            assert isinstance(field.text, str)
    assert splice(content, root, {}) == content
    leaves = root.leaves()
    chosen = leaves[data[0] % len(leaves)] if data else leaves[0]
    new = splice(content, root, {chosen.id: [_NEW]})
    try:
        after = read_parts(new)
    except ConnegError:
        return
    assert any(leaf.filename == "new.tif" and decode_body(new, leaf) == _NEW.body for leaf in after.leaves())
