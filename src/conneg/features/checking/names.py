"""Rules about names: tags that nobody registered, predicates that nobody defined, operators that do not exist."""

from collections.abc import Iterator

from conneg.features.checking.context import Checked
from conneg.features.checking.guessing import assignment
from conneg.features.checking.oddity import Finding, notes, warns
from conneg.features.composite import is_hash_name
from conneg.features.expression import Call, Comparison, Not, Operator
from conneg.features.registry import describe_tag, spelling, value_spelling
from conneg.features.schema import Tree, tree_of


@warns("RFC 2533 4.2.3")
def misspelt_tag(checked: Checked) -> Iterator[Finding]:
    """A tag that is not registered, but nearly.

    Every unknown tag is an ordinary one, so nothing fails: it only never meets the registered tag. RFC 2879 4.7 prints
    `dpi-xyatio`, RFC 2530 3.1.2 `dpi-xy`, RFC 2533 3.4 `papersize`.
    """
    for leaf, _ in checked.leaves:
        meant = checked.guesses.tag(leaf.tag)
        if meant is not None:
            yield leaf, f"{leaf.tag.spelling} is not registered; did you mean {meant}?"


@notes("RFC 2506 3.1")
def unknown_tree(checked: Checked) -> Iterator[Finding]:
    """A tag with a dot that belongs to none of the naming trees.

    There are `g.` (registered after expert review) and `u.` (a URI); IETF tags have no dot.
    """
    for leaf, _ in checked.leaves:
        if tree_of(leaf.tag) is Tree.OTHER:
            facet = leaf.tag.spelling.partition(".")[0]
            yield leaf, f"there is no naming tree {facet}.; write g. (registered) or u. and a URI"


@warns("RFC 2938 3.1")
def hash_as_tag(checked: Checked) -> Iterator[Finding]:
    """A reference by hash in the place of a tag.

    It stands for a whole expression and is written alone in its parentheses.
    """
    for leaf, _ in checked.leaves:
        if tree_of(leaf.tag) is Tree.HASH:
            yield leaf, f"{leaf.tag.spelling} is a reference, not a tag; write ({leaf.tag.spelling}) alone"


@warns("RFC 2533 6.1")
def missing_operator(checked: Checked) -> Iterator[Finding]:
    """A predicate without arguments that reads like a tag and a value, or is a tag.

    RFC 2879 4.3 prints `(color-space-CIELAB)`: a call of a predicate that nobody defines.
    """
    for place in checked.places:
        call = place.node
        if not isinstance(call, Call) or call.name in place.defined:
            continue
        meant = assignment(call)
        if meant is not None:
            tag, value = meant
            written = f"({spelling(tag)}={value_spelling(tag, value)})"
            yield call, f"({call.name.spelling}) calls a predicate; did you mean {written}?"
        elif describe_tag(call.name) is not None and not call.arguments:
            yield call, f"({call.name.spelling}) calls a predicate; a tag needs an operator and a value"


@notes("RFC 2533 6.1")
def undefined_predicate(checked: Checked) -> Iterator[Finding]:
    """A call of a predicate that no where-clause here defines.

    Unless the recipient knows it, it counts as a feature of its own. References by hash are known elsewhere.
    """
    for place in checked.places:
        call = place.node
        if (
            isinstance(call, Call)
            and call.name not in place.defined
            and not is_hash_name(call.name)
            and assignment(call) is None
            and describe_tag(call.name) is None
        ):
            yield call, f"the predicate {call.name.spelling} is not defined here; add it to a where-clause"


@warns("RFC 2533 4.1")
def no_such_operator(checked: Checked) -> Iterator[Finding]:
    """An operator `>` or `<`, which the grammar does not have.

    RFC 2879 A.11 and appendix B print `JBIG-stripe-size>0`; a strict reader refuses it.
    """
    for place in checked.places:
        node = place.node
        if not isinstance(node, Not) or not isinstance(node.operand, Comparison):
            continue
        inner = node.operand
        if node.at == inner.at:
            sign = ">" if inner.operator is Operator.AT_MOST else "<"
            tag, value = inner.tag.spelling, inner.value
            yield (
                node,
                f"there is no operator {sign}; write ({tag}{sign}={value}), or"
                f" (!({tag}{inner.operator}{value})) without {value} itself",
            )


RULES = (misspelt_tag, unknown_tree, hash_as_tag, missing_operator, undefined_predicate, no_such_operator)
