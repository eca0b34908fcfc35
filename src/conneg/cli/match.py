"""`conneg match`: what an offer and a capability have in common, or which tag stands in the way."""

import click

from conneg.cli.options import as_json, print_json, read_accepted
from conneg.errors import ExitCode

_EXAMPLES = """\b
Examples:
  conneg match '(dpi=[200,300])' '(dpi=200)'             exit 0: (dpi=200)
  conneg match '(color=Full)' '(color=Binary)'           exit 1: says which tag stands in the way
  conneg match offer.txt capability.txt                  expressions in files
  conneg match '(&(dpi=200)(color=Binary))' 'profile S'  a TIFF-FX profile by its name
"""


@click.command("match", epilog=_EXAMPLES)
@click.argument("offer")
@click.argument("accepted")
@click.option("--literal", is_flag=True, help="Compare as written; do not widen image-file-structure.")
@as_json
@click.pass_context
def command(ctx: click.Context, offer: str, accepted: str, literal: bool, as_json: bool) -> None:
    """Match OFFER against ACCEPTED; exit 0 with what they share, or 1 with what stands in the way."""
    from conneg.features import choose, default_preference, explain_mismatch, feature_set

    offered, taken = read_accepted(offer), read_accepted(accepted)
    ours = feature_set(offered.expression, lenient=True) if literal else offered.features
    theirs = feature_set(taken.expression, lenient=True) if literal else taken.features
    common = ours & theirs
    if common.is_empty:
        mismatch = explain_mismatch(ours, theirs)
        if as_json:
            print_json({"match": False, "reason": str(mismatch), "tags": [c.tag for c in mismatch.conflicts]})
        else:
            click.echo(str(mismatch))
        ctx.exit(ExitCode.NO)
    best = choose(common, default_preference())
    if as_json:
        print_json({"match": True, "common": str(common), "best": str(best.collection) if best else None})
        return
    click.echo(str(common))
    if best is not None:
        click.echo(f"best: {best.collection}", err=True)
