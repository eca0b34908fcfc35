"""`conneg match`: what an offer and a capability have in common, its best form and what that gives up; or why not."""

from typing import TYPE_CHECKING

import click

from conneg.cli.colours import label, paint, say
from conneg.cli.options import as_json, print_json, read_accepted
from conneg.errors import BoundExceededError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conneg.features import Choice, FeatureSet

_EXAMPLES = """\b
Examples:
  conneg match '(dpi=[200,300])' '(dpi=200)'             exit 0: (dpi=200)
  conneg match '(color=Full)' '(color=Binary)'           exit 1: says which tag stands in the way
  conneg match offer.txt capability.txt                  expressions in files
  conneg match '(&(dpi=200)(color=Binary))' 'profile S'  a TIFF-FX profile by its name

\b
What both have goes to standard output, or why they have nothing; what is said about it to standard error.
"""


@click.command("match", epilog=_EXAMPLES)
@click.argument("offer")
@click.argument("accepted")
@click.option("--literal", is_flag=True, help="Compare as written; do not widen image-file-structure.")
@as_json
@click.pass_context
def command(ctx: click.Context, offer: str, accepted: str, literal: bool, as_json: bool) -> None:
    """Match OFFER against ACCEPTED; exit 0 with what they share, or 1 with what stands in the way."""
    from conneg.features import choose, default_preference, feature_set

    offered, taken = read_accepted(offer), read_accepted(accepted)
    ours = feature_set(offered.expression, lenient=True)
    theirs = feature_set(taken.expression, lenient=True) if literal else taken.features
    common = ours & theirs
    try:
        best = choose(common, default_preference())
    except BoundExceededError as error:
        _tell_without_choice(common, error, as_json)
        return
    if best is None:
        _tell_mismatch(ours, theirs, as_json)
        ctx.exit(ExitCode.NO)
    _tell_match(ours, theirs, common, best, as_json)


def _tell_mismatch(ours: "FeatureSet", theirs: "FeatureSet", as_json: bool) -> None:
    """Say why nothing can be chosen."""
    from conneg.features import describe_set, explain_mismatch

    mismatch = explain_mismatch(ours, theirs)
    reason = str(mismatch)
    if not (ours & theirs).is_empty:
        reason = "what both have is said to be never chosen (quality 0)"
    if as_json:
        tags = [conflict.tag for conflict in mismatch.conflicts]
        nearest = [str(conflict) for conflict in mismatch.nearest]
        print_json(
            {"match": False, "reason": reason, "tags": tags, "together": mismatch.tags, "nearest": nearest}
        )
        return
    say(reason)
    _list("offer", describe_set(ours))
    _list("device", describe_set(theirs))


def _tell_without_choice(common: "FeatureSet", error: BoundExceededError, as_json: bool) -> None:
    """Say what both have, and why no best form of it can be named."""
    reason = f"no best form is chosen: {error}"
    if as_json:
        print_json({"match": True, "common": str(common), "best": None, "reason": reason})
        return
    say(paint(str(common)))
    say(f"{label('note')} {reason}", err=True)


def _tell_match(
    ours: "FeatureSet", theirs: "FeatureSet", common: "FeatureSet", best: "Choice", as_json: bool
) -> None:
    """Say what both have, the best of it, and what was given up."""
    from conneg.features import describe_set, explain_match

    given_up = explain_match(ours, theirs)
    if as_json:
        print_json(
            {
                "match": True,
                "common": str(common),
                "best": str(best.collection),
                "means": describe_set(best.collection.as_feature_set()),
                "steps": [step._asdict() for step in best.steps],
                "runners_up": [
                    {"form": str(other.collection), "reason": str(other)} for other in best.runners_up
                ],
                "given_up": [concession._asdict() for concession in given_up],
                "qualities": given_up.qualities,
            }
        )
        return
    say(paint(str(common)))
    say(f"{label('best')} {paint(str(best.collection))}", err=True)
    _list("", describe_set(best.collection.as_feature_set()))
    _list("because", best.reasons)
    _list("given up", [*map(str, given_up), *given_up.qualities] or ["nothing"])
    for number, other in enumerate(best.runners_up):
        say(f"{label('next best' if not number else '')} {paint(str(other.collection))}", err=True)
        say(f"{'':<10} {click.style(str(other), dim=True)}", err=True)


def _list(name: str, lines: "Sequence[str]") -> None:
    for number, line in enumerate(lines):
        say(f"{label(name if not number else '')} {line}", err=True)
