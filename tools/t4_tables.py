"""Write src/bilevel/t4codes.h from conneg/content/t4codes.py, so that the code words stand in one place.

Run it (`python tools/t4_tables.py`) after a change there; tests/content/test_native.py says when it was forgotten.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "src"))

from conneg.content.t4codes import BLACK_RUNS, HORIZONTAL, MODES, PASS, WHITE_RUNS  # noqa: E402

LONGEST_MAKE_UP = 2560


def table(name: str, codes: dict[str, int]) -> str:
    """Return the code words of a colour: runs 0 to 63, then 64, 128 and so on to 2560."""
    words = {run: word for word, run in codes.items()}
    rows = [f"{{0x{int(words[run], 2):x}, {len(words[run])}}}" for run in (*range(64), *range(64, 2561, 64))]
    lines = [", ".join(rows[at : at + 8]) for at in range(0, len(rows), 8)]
    return f"static const CodeWord {name}[{len(rows)}] = {{\n    " + ",\n    ".join(lines) + ",\n};\n"


def header() -> str:
    """Return the whole header."""
    modes = {mode: word for word, mode in MODES.items()}
    names = {PASS: "MODE_PASS", HORIZONTAL: "MODE_HORIZONTAL"}
    vertical = ", ".join(f"{{0x{int(modes[by], 2):x}, {len(modes[by])}}}" for by in range(-3, 4))
    return "\n".join(
        [
            "/* Made by tools/t4_tables.py from src/conneg/content/t4codes.py: the code words of ITU-T T.4 and T.6. */",
            "#ifndef T4CODES_H",
            "#define T4CODES_H",
            "",
            "#include <stdint.h>",
            "",
            "typedef struct {",
            "    uint16_t word;",
            "    uint8_t bits;",
            "} CodeWord;",
            "",
            "/* Runs 0 to 63 at their own index, the make-up code for 64 * n at 63 + n. */",
            table("WHITE_CODES", WHITE_RUNS) + table("BLACK_CODES", BLACK_RUNS),
            *(
                f"static const CodeWord {name} = {{0x{int(modes[mode], 2):x}, {len(modes[mode])}}};"
                for mode, name in names.items()
            ),
            "/* a1 lies 3 pixels to the left of b1, ... just under it, ... 3 to the right. */",
            f"static const CodeWord MODE_VERTICAL[7] = {{{vertical}}};",
            "",
            "#endif",
            "",
        ]
    )


if __name__ == "__main__":
    (ROOT / "src" / "bilevel" / "t4codes.h").write_text(header())
