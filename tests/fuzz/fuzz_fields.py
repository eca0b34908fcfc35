"""Header fields with feature expressions from any octets: read, written folded and read again, or refused in a line."""

from conneg.errors import ConnegError
from conneg.features import read_field, simplify, write, write_field


def fuzz_one(data: bytes) -> None:
    """Raise only for a bug."""
    text = data.decode("latin-1")
    try:
        expression = read_field(text, lenient=True)
    except ConnegError as error:
        assert "\n" not in str(error)
        return
    try:
        field = write_field("Content-Features", expression)
    except ConnegError as error:
        assert "\n" not in str(error)
        return
    assert max(map(len, field.split("\r\n"))) <= 998
    assert read_field(field) == expression
    try:
        simple = simplify(expression)
    except ConnegError as error:
        assert "\n" not in str(error)
        return
    assert len(write(simple)) <= len(write(expression))
