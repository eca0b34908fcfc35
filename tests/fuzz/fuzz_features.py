"""Feature expressions from any octets: reads, writes, matches and chooses, or says why not; nothing else may happen."""

from conneg.errors import ConnegError
from conneg.features import (
    choose,
    default_preference,
    explain_mismatch,
    feature_set,
    hash_name,
    parse,
    unfold,
    wrap,
    write,
)

ACCEPTED = feature_set('(| (& (dpi<=300) (color=[Binary,Grey])) (& (x=1) (!(type="image/png")));q=0.5)')


def fuzz_one(data: bytes) -> None:
    """Raise only for a bug."""
    text = data.decode("latin-1")
    try:
        unfold(text)
        hash_name(text)
        expression = parse(text, lenient=True)
    except ConnegError as error:
        _check_line(error)
        return
    written = write(expression)
    assert parse(written) == expression
    assert write(parse(written)) == written
    _check_pieces(written)
    try:
        _check_set(written)
    except ConnegError as error:
        _check_line(error)


def _check_line(error: ConnegError) -> None:
    assert "\n" not in str(error)


def _check_pieces(text: str) -> None:
    try:
        pieces = wrap(text, 40, 60)
    except ConnegError:
        return
    assert max(map(len, pieces)) <= 60
    assert hash_name(" ".join(pieces)) == hash_name(text)
    assert parse(" ".join(pieces)) == parse(text)


def _check_set(text: str) -> None:
    features = feature_set(text)
    assert feature_set(features.key).is_empty is features.is_empty
    common = features & ACCEPTED
    choice = choose(common, default_preference())
    if choice is None:
        assert common.is_empty or any(one.is_never_chosen for one in common.conjunctions)
        assert str(explain_mismatch(features, ACCEPTED))
        return
    assert features.accepts(choice.collection)
    assert ACCEPTED.accepts(choice.collection)
