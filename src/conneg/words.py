"""Numbers as people read them."""


def octets(count: int) -> str:
    """Return a size for people: 812 B, 48 kB, 3.1 MB (powers of ten)."""
    if count < 1000:
        return f"{count} B"
    if count < 999_500:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:.1f} MB"


def age(seconds: float) -> str:
    """Return how long ago something was for people: 12 s, 5 min, 3 h, 4 days."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
