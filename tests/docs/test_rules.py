"""docs/reference/feature-tags.md lists every rule of the checker as the code has it."""

import re
from pathlib import Path

from conneg.features.checking import RULES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "feature-tags.md"


def test_the_page_lists_every_rule() -> None:
    listed = re.findall(
        r"^\| `[a-z-]+` \| (?:warning|note) \|.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert listed == [
        f"| `{rule.id}` | {rule.severity} | {rule.summary.replace('|', chr(92) + '|')} | {rule.source} |"
        for rule in RULES
    ]
