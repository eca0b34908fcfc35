"""Numbers as people read them."""


def octets(count: int) -> str:
    """Return a size for people: 812 B, 48 kB, 3.1 MB (powers of ten)."""
    if count < 1000:
        return f"{count} B"
    if count < 999_500:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:.1f} MB"
