"""Values in print that the fax schema does not register, and values that stand for more than they say.

Sources: RFC 2879 section 3.7 and appendix B (structures left over from RFC 2531), A.13 (`color-space=LAB`); RFC 2913
section 3 (a media type is written in small letters).
"""

from collections.abc import Callable, Iterable, Mapping

from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain
from conneg.features.values import Text, Token, Word

_ALIASES: Mapping[str, Mapping[Word, Word]] = {
    "image-file-structure": {
        Token("TIFF-S"): Token("TIFF-minimal"),
        Token("TIFF-F"): Token("TIFF-limited"),
        Token("TIFF-J"): Token("TIFF-limited"),
        Token("TIFF-C"): Token("TIFF-limited"),
        Token("TIFF-L"): Token("TIFF-limited"),
        Token("TIFF-M"): Token("TIFF-MRC-limited"),
    },
    "color-space": {Token("LAB"): Token("CIELAB")},
}
_READS_TOO: Mapping[Word, tuple[Word, ...]] = {
    Token("TIFF"): (Token("TIFF-limited"), Token("TIFF-minimal")),
    Token("TIFF-limited"): (Token("TIFF-minimal"),),
    Token("TIFF-MRC"): (Token("TIFF-MRC-limited"),),
}
"""A reader of the first reads the others too (RFC 2879 3.7), which the matcher cannot know."""


def repair(conjunctions: Iterable[Conjunction]) -> tuple[Conjunction, ...]:
    """Put the registered value for each alias, and media types into small letters."""
    return tuple(_map_words(one, _registered) for one in conjunctions)


def widen_structures(conjunctions: Iterable[Conjunction]) -> tuple[Conjunction, ...]:
    """Do what `repair` does, and add the image file structures that a reader of the stated ones reads too."""
    return tuple(_map_words(one, _readable) for one in conjunctions)


def _map_words(one: Conjunction, function: Callable[[str, Word], tuple[Word, ...]]) -> Conjunction:
    """Put for each word what `function` returns for its tag and the word; what is excluded is not widened."""
    changed: dict[str, Domain] = {}
    for tag in ("image-file-structure", "color-space", "type"):
        domain = one.domains.get(tag)
        if domain is not None:
            using = _registered if domain.is_cofinite else function
            words = frozenset(new for word in domain.words for new in using(tag, word))
            if words != domain.words:
                changed[tag] = Domain(domain.cuts, words, domain.is_cofinite)
    return Conjunction({**one.domains, **changed}, one.qualities) if changed else one


def _registered(tag: str, word: Word) -> tuple[Word, ...]:
    if tag == "type":
        return (Text(word.text.lower()),) if isinstance(word, Text) else (word,)
    return (_ALIASES[tag].get(word, word),)


def _readable(tag: str, word: Word) -> tuple[Word, ...]:
    (known,) = _registered(tag, word)
    return (known, *_READS_TOO.get(known, ())) if tag == "image-file-structure" else (known,)
