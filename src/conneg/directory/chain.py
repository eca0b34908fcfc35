"""Several directories asked in their stated order: the first that knows a recipient speaks for it.

A source that fails or is late costs its own answer, never the caller's time: each gets an equal share of what is left
of the deadline, and whoever of the recipients is still unknown goes on to the next. "Cannot say now" is the answer
only when no source knew the recipient and at least one could not be asked: then the draft demands a temporary failure
(section 4.3), since the source that failed might have known.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

from conneg.directory.asking import ask
from conneg.directory.model import Answer, AtOnce, Closable, Directory, Known, Unavailable, Unknown


class ChainDirectory:
    """Asks `sources` in order; with none at all, every recipient is unknown."""

    def __init__(self, sources: Sequence[Directory], *, name: str = "directory") -> None:
        self._sources = tuple(sources)
        self._at_once = [source if isinstance(source, AtOnce) else None for source in sources]
        self._name = name

    @property
    def name(self) -> str:
        """What an operator calls this source."""
        return self._name

    @property
    def sources(self) -> tuple[Directory, ...]:
        """The sources, in the order in which they are asked."""
        return self._sources

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return an answer for each of `recipients` within `deadline` seconds, whatever the sources do."""
        known: dict[str, Answer] = {}
        async for answers in self.answers(recipients, deadline):
            known.update(answers)
        return known

    async def answers(
        self, recipients: Sequence[str], deadline: float
    ) -> AsyncGenerator[Mapping[str, Answer], None]:
        """Yield answers as the sources give them: after each source those that it settled, at last all others.

        Together they are what `lookup` returns; so a slow source does not hold up the recipients whom an earlier one
        knows.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + deadline
        questions = _Questions(recipients)
        for index, source in enumerate(self._sources):
            if not questions.open:
                break
            share = max(0.0, end - clock()) / (len(self._sources) - index)
            known = questions.settle(await ask(source, questions.open, share))
            if known:
                yield known
        yield questions.give_up()

    def answers_now(self, recipients: Sequence[str]) -> Mapping[str, Answer] | None:
        """Return what `lookup` would, if no source has to wait for anything (see `AtOnce`); None if one has to."""
        questions = _Questions(recipients)
        known: dict[str, Answer] = {}
        for source in self._at_once:
            if not questions.open:
                break
            answers = None if source is None else source.lookup_now(questions.open)
            if answers is None:
                return None
            if len(answers) == len(questions.open) and all(type(one) is Known for one in answers.values()):
                return {**known, **answers}
            known.update(questions.settle(answers))
        return known | questions.give_up()

    async def close(self) -> None:
        """Close the sources that hold something open."""
        await asyncio.gather(*(source.close() for source in self._sources if isinstance(source, Closable)))


class _Questions:
    """The recipients of whom nothing is known yet, and what the sources said that could not be asked."""

    def __init__(self, recipients: Sequence[str]) -> None:
        self.open = list(dict.fromkeys(recipients))
        self._silent: dict[str, list[str]] = {}

    def settle(self, answers: Mapping[str, Answer]) -> dict[str, Answer]:
        """Take one source's answers; return those that settle a question."""
        known: dict[str, Answer] = {}
        for recipient in self.open:
            match answers.get(recipient, Unknown()):
                case Known() as answer:
                    known[recipient] = answer
                case Unavailable(reason=reason):
                    self._silent.setdefault(recipient, []).append(reason)
                case Unknown():
                    pass
        if known:
            self.open = [recipient for recipient in self.open if recipient not in known]
        return known

    def give_up(self) -> dict[str, Answer]:
        """Return the answers to the questions that no source has settled."""
        rest: dict[str, Answer] = {}
        for recipient in self.open:
            reasons = self._silent.get(recipient)
            rest[recipient] = Unavailable("; ".join(reasons)) if reasons else Unknown()
        return rest
