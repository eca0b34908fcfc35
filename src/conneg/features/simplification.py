"""The shortest expression that we find for what a text means."""

from conneg.features.expression import Expression
from conneg.features.reading import parse
from conneg.features.sets import feature_set
from conneg.features.writing import write


def simplify(source: str | Expression, *, lenient: bool = False) -> Expression:
    """Return an expression that means the same and whose canonical text is not longer than that of `source`.

    Of two that are equally long it is the one that other spellings of the same set lead to as well
    (`FeatureSet.as_expression`). Quality values count where they do in `source`, at the top (RFC 2533, 3.6). Raises
    what `conneg.features.sets.feature_set` raises.
    """
    written = parse(source, lenient=lenient) if isinstance(source, str) else source
    found = feature_set(source, lenient=lenient).as_expression()
    return found if len(write(found)) <= len(write(written)) else written
