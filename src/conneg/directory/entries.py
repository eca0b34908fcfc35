"""What a source found under the names of its entries, made into answers: which entry speaks, and what it says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from conneg.directory.model import Answer, Faulty, Known, Unknown
from conneg.directory.names import address_key, domain_of
from conneg.errors import ConnegError
from conneg.negotiation import Provenance, profile_expression, read_capability


@dataclass(frozen=True, slots=True)
class Finding:
    """What stands under one name: one expression or profile's name, or several, of which any will do.

    `changed_at` is Unix time.
    """

    expressions: tuple[str, ...]
    changed_at: float | None = None

    def with_another(self, other: "Finding") -> "Finding":
        """Return what both say; it is as old as the older."""
        ages = [age for age in (self.changed_at, other.changed_at) if age is not None]
        expressions = dict.fromkeys((*self.expressions, *other.expressions))
        return Finding(tuple(expressions), min(ages, default=None))


def names_for(recipients: Sequence[str]) -> list[str]:
    """Return the names under which entries for `recipients` may stand: their addresses, and their domains."""
    keys = [address_key(recipient) for recipient in recipients]
    return list(dict.fromkeys((*keys, *filter(None, map(domain_of, keys)))))


def answer_from(
    found: Mapping[str, Finding],
    recipient: str,
    *,
    source: str,
    authenticated: bool,
    asked_at: float,
    pattern_for: Callable[[str], str | None] = lambda key: None,
) -> Answer:
    """Return what is `found` for `recipient`: under its address, under the pattern that fits, under its domain.

    An entry that is not dated is as old as the question, `asked_at`.
    """
    key = address_key(recipient)
    for name in (key, pattern_for(key), domain_of(key)):
        finding = found.get(name) if name else None
        if finding is None:
            continue
        where = f'{source}: "{name}"'
        try:
            return Known(
                read_capability(
                    any_of(finding.expressions),
                    Provenance.DIRECTORY,
                    where,
                    obtained_at=asked_at if finding.changed_at is None else finding.changed_at,
                    authenticated=authenticated,
                )
            )
        except ConnegError as error:
            return Faulty(f"{where}: {error}")
    return Unknown()


def any_of(expressions: Sequence[str]) -> str:
    """Return one expression for "any of these"; profiles' names among several are written out."""
    if len(expressions) == 1:
        return expressions[0]
    return f"(| {' '.join(profile_expression(text) or text for text in expressions)})"
