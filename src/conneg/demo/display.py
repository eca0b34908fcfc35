"""What people see while the demo runs: the dialogues, the capabilities, the decisions, the conversions, the deliveries.

On a terminal it is one live screen; elsewhere each event is a line.
"""

from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from conneg.gateway.events import (
    Accepted,
    CapabilityFound,
    Converting,
    DialogueLine,
    Event,
    Planned,
    Settled,
)

_DIALOGUE_LINES = 16


@dataclass(slots=True)
class Progressing:
    """What is known so far of one recipient."""

    capability: str = ""
    form: str = ""
    state: str = ""


class Display:
    """A watcher that draws; use as a context manager."""

    def __init__(self, console: Console, recipients: tuple[str, ...]) -> None:
        self._console = console
        self._rows = {recipient: Progressing() for recipient in recipients}
        self._dialogue: deque[Text] = deque(maxlen=_DIALOGUE_LINES)
        self._steps: list[str] = []
        self.transcript: list[str] = []
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn(), console=console
        )
        self._tasks: dict[str, TaskID] = {}
        self._names: dict[str, str] = {}
        self._live = (
            Live(self._draw(), console=console, refresh_per_second=8, transient=True)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def name_peer(self, endpoint: str, name: str) -> None:
        """Show `name` for the server at `endpoint`."""
        self._names[endpoint] = name

    def step(self, text: str) -> None:
        """Say what is done next."""
        self._steps.append(text)
        self._say(f"[bold]{escape(text)}[/]")

    def __call__(self, event: Event) -> None:
        """Draw `event`."""
        match event:
            case DialogueLine(peer=peer, sent=sent, line=line):
                self.dialogue(self._names.get(peer, peer), sent, line)
            case Accepted(message_id=message_id, octets=octets):
                self._say(f"spool   message {message_id} is on disk, {octets:,} octets")
            case CapabilityFound(
                forward_path=recipient, summary=summary, provenance=provenance, said_by=source
            ):
                self._row(recipient).capability = summary
                name = self._names.get(source, source)
                self._say(f"can     {recipient}: {escape(summary)} [dim]({provenance}: {escape(name)})[/]")
            case Planned(forward_paths=recipients, target=target, reason=reason):
                for recipient in recipients:
                    self._row(recipient).form = target
                self._say(f"plan    {', '.join(recipients)}: {escape(reason)}")
            case Converting(label=label, done=done, total=total):
                self._convert(label, done, total)
            case Settled(forward_path=recipient, state=state, reply=reply, octets=octets):
                self._row(recipient).state = state
                self._say(f"{state:<7} {recipient}: {octets:,} octets: {escape(reply)}")
        self._refresh()

    def dialogue(self, peer: str, sent: bool, line: str) -> None:
        """Show one line of an SMTP dialogue with `peer`."""
        text = Text(f"{peer:<8} ", style="dim")
        text.append("C: " if sent else "S: ", style="cyan" if sent else "green")
        text.append(line, style="bold" if "CONNEG" in line else "")
        self._dialogue.append(text)
        self.transcript.append(text.plain)
        if self._live is None:
            self._console.print(text, soft_wrap=True)
        self._refresh()

    def _row(self, recipient: str) -> Progressing:
        return self._rows.setdefault(recipient, Progressing())

    def _convert(self, label: str, done: int, total: int) -> None:
        if label not in self._tasks:
            self._tasks[label] = self._progress.add_task(escape(label), total=total or None)
            self._say(f"convert {escape(label)}")
        self._progress.update(self._tasks[label], completed=done, total=total or None)

    def _say(self, markup: str) -> None:
        if self._live is None:
            self._console.print(markup, soft_wrap=True, highlight=False)

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.update(self._draw())

    def _draw(self) -> RenderableType:
        table = Table(expand=True, show_edge=False, pad_edge=False)
        for heading in ("recipient", "can take", "gets", "state"):
            table.add_column(heading, overflow="fold")
        for recipient, row in self._rows.items():
            style = {"delivered": "green", "failed": "red", "deferred": "yellow"}.get(row.state, "")
            table.add_row(recipient, row.capability or "…", row.form, Text(row.state, style=style))
        step = Text(self._steps[-1] if self._steps else "", style="bold")
        dialogue = Panel(Group(*self._dialogue), title="dialogues", border_style="dim")
        return Group(step, dialogue, table, self._progress)
