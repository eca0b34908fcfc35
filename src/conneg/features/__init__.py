"""Media feature sets (RFC 2533, 2738, 2938): expressions from text to tree to set, matched, explained, chosen from.

Text, set and preference are three things: `parse`, `write` and `wrap` deal with text; `feature_set` gives a
`FeatureSet` with the operations of sets; `choose` picks one `FeatureCollection` by a `Preference`. No I/O; nothing
outside the standard library.

What a program may never need (choosing, explaining, the profiles, header fields) is imported when it is first asked
for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from conneg.features.collection import FeatureCollection, collection
from conneg.features.composite import hash_name, is_hash_name
from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain, Interval
from conneg.features.errors import (
    FeatureError,
    FeatureReferenceError,
    FeatureSyntaxError,
    FeatureValueError,
    WrapError,
)
from conneg.features.expansion import Resolver
from conneg.features.expression import (
    And,
    Call,
    Comparison,
    Expression,
    NamedPredicate,
    Not,
    Operator,
    Or,
    Parameter,
    Range,
    SetOf,
)
from conneg.features.folding import unfold, wrap
from conneg.features.reading import parse
from conneg.features.registry import describe_tag, spelling
from conneg.features.sets import FeatureSet, feature_set, forget
from conneg.features.values import Quantity, TagName, Text, Token, Value
from conneg.features.writing import write

if TYPE_CHECKING:
    from conneg.features.checking import Oddity, Severity, check_expression
    from conneg.features.choice import Choice, RunnerUp, Step, choose
    from conneg.features.concession import Concession, Match, explain_match
    from conneg.features.explain import Conflict, Mismatch, explain_mismatch
    from conneg.features.fields import read_content_features, read_field, write_content_features, write_field
    from conneg.features.preference import COST_TAGS, Cost, Criterion, Point, Preference, default_preference
    from conneg.features.profiles import (
        PROFILE_C,
        PROFILE_C_FULL,
        PROFILE_F,
        PROFILE_F_FULL,
        PROFILE_J,
        PROFILE_J_FULL,
        PROFILE_L,
        PROFILE_L_FULL,
        PROFILE_M,
        PROFILE_M_FULL,
        PROFILE_S,
        PROFILES,
        Profile,
    )
    from conneg.features.projection import keep_tags
    from conneg.features.simplification import simplify
    from conneg.features.widening import widen
    from conneg.features.wording import describe_conjunction, describe_domain, describe_set

_LATER = {
    "checking": ("Oddity", "Severity", "check_expression"),
    "choice": ("Choice", "RunnerUp", "Step", "choose"),
    "concession": ("Concession", "Match", "explain_match"),
    "explain": ("Conflict", "Mismatch", "explain_mismatch"),
    "fields": ("read_content_features", "read_field", "write_content_features", "write_field"),
    "preference": ("COST_TAGS", "Cost", "Criterion", "Point", "Preference", "default_preference"),
    "profiles": (
        "PROFILE_C",
        "PROFILE_C_FULL",
        "PROFILE_F",
        "PROFILE_F_FULL",
        "PROFILE_J",
        "PROFILE_J_FULL",
        "PROFILE_L",
        "PROFILE_L_FULL",
        "PROFILE_M",
        "PROFILE_M_FULL",
        "PROFILE_S",
        "PROFILES",
        "Profile",
    ),
    "projection": ("keep_tags",),
    "simplification": ("simplify",),
    "widening": ("widen",),
    "wording": ("describe_conjunction", "describe_domain", "describe_set"),
}
"""What each module that is imported later brings."""

__all__ = [
    "COST_TAGS",
    "PROFILES",
    "PROFILE_C",
    "PROFILE_C_FULL",
    "PROFILE_F",
    "PROFILE_F_FULL",
    "PROFILE_J",
    "PROFILE_J_FULL",
    "PROFILE_L",
    "PROFILE_L_FULL",
    "PROFILE_M",
    "PROFILE_M_FULL",
    "PROFILE_S",
    "And",
    "Call",
    "Choice",
    "Comparison",
    "Concession",
    "Conflict",
    "Conjunction",
    "Cost",
    "Criterion",
    "Domain",
    "Expression",
    "FeatureCollection",
    "FeatureError",
    "FeatureReferenceError",
    "FeatureSet",
    "FeatureSyntaxError",
    "FeatureValueError",
    "Interval",
    "Match",
    "Mismatch",
    "NamedPredicate",
    "Not",
    "Oddity",
    "Operator",
    "Or",
    "Parameter",
    "Point",
    "Preference",
    "Profile",
    "Quantity",
    "Range",
    "Resolver",
    "RunnerUp",
    "SetOf",
    "Severity",
    "Step",
    "TagName",
    "Text",
    "Token",
    "Value",
    "WrapError",
    "check_expression",
    "choose",
    "collection",
    "default_preference",
    "describe_conjunction",
    "describe_domain",
    "describe_set",
    "describe_tag",
    "explain_match",
    "explain_mismatch",
    "feature_set",
    "forget",
    "hash_name",
    "is_hash_name",
    "keep_tags",
    "parse",
    "read_content_features",
    "read_field",
    "simplify",
    "spelling",
    "unfold",
    "widen",
    "wrap",
    "write",
    "write_content_features",
    "write_field",
]

_MODULE_OF = {name: module for module, names in _LATER.items() for name in names}


def __getattr__(name: str) -> object:
    """Import what is asked for the first time (PEP 562)."""
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
