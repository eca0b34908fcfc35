"""Write the table of docs/reference/bounds.md from the bounds in the code: `python tools/bounds_table.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.docs.test_bounds import PAGE, bounds, row


def main() -> None:
    """Put the rows in the place of those that are there."""
    lines = PAGE.read_text(encoding="utf-8").split("\n")
    places = [place for place, line in enumerate(lines) if line.startswith("| `")]
    lines[places[0] : places[-1] + 1] = sorted({row(bound) for bound in bounds().values()})
    PAGE.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
