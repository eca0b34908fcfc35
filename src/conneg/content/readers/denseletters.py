"""Text in letters of many strokes, as Chinese, Japanese and Korean have them: where lines are coarse, the white between
their strokes is what makes them readable.
"""

_RANGES = ((0x1100, 0x11FF), (0x2E80, 0x9FFF), (0xA960, 0xD7FF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
"""Hangul, radicals, kana, bopomofo and ideographs, in the blocks of Unicode 15."""


def are_dense(text: str) -> bool:
    """Whether most of the letters of `text` are dense ones."""
    letters = [ord(letter) for letter in text if letter.isalpha()]
    dense = sum(any(low <= code <= high for low, high in _RANGES) for code in letters)
    return dense * 2 > len(letters)
