"""What a test wants told at the end of a run, whichever process it ran in."""

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the line that a test recorded as the property `told`."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name == "told":
                    terminalreporter.write_line(str(value))
