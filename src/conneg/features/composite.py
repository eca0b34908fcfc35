"""References by hash: the name that stands for an expression (RFC 2938, 3.1)."""

from conneg.features.source import MAX_TEXT

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"


def hash_name(text: str) -> str:
    """Return the name `h.` and 26 digits of the expression `text` (RFC 2938, 3.1.1 and 3.1.2).

    The hash is over the text, not its meaning: only white space and letter case, both outside strings, do not count.
    Raises `conneg.errors.BoundExceededError` for a text above `MAX_TEXT`.
    """
    import hashlib

    MAX_TEXT.check(len(text))
    digest = hashlib.md5(_hashed_text(text).encode("ascii", "replace"), usedforsecurity=False).digest()
    number = int.from_bytes(digest, "big") << 2
    return "h." + "".join(_DIGITS[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_hash_name(name: str) -> bool:
    """Tell whether `name` is `h.` and base 32 digits, in any letter case."""
    return name[:2].lower() == "h." and len(name) > 2 and all(digit in _DIGITS for digit in name[2:].upper())


def _hashed_text(text: str) -> str:
    """Return `text` without white space and in capitals, but for its quoted strings."""
    pieces = text.split('"')
    for place in range(0, len(pieces), 2):
        pieces[place] = "".join(pieces[place].split()).upper()
    return '"'.join(pieces)
