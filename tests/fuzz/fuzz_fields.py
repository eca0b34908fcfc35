"""Header fields with feature expressions from any octets: read, written folded and read again, or refused in a line."""

from conneg.errors import ConnegError
from conneg.features import Expression, read_field, simplify, write, write_field


def fuzz_one(data: bytes) -> None:
    """Raise only for a bug."""
    try:
        expression = read_field(data.decode("latin-1"), lenient=True)
        _check_field(expression)
        simple = simplify(expression)
    except ConnegError as error:
        _check_line(error)
        return
    assert len(write(simple)) <= len(write(expression))


def _check_field(expression: Expression) -> None:
    field = write_field("Content-Features", expression)
    assert max(map(len, field.split("\r\n"))) <= 998
    assert read_field(field) == expression


def _check_line(error: ConnegError) -> None:
    assert "\n" not in str(error)
