"""`conneg directory test`: every source asked about one recipient, and what its answers come to."""

import logging
import time
from dataclasses import dataclass
from email.message import EmailMessage
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import structlog

from conneg.directory import Answer, Known, Unavailable, Unknown
from conneg.directory.asking import ask
from conneg.errors import ExitCode
from conneg.gateway.config import Config
from conneg.gateway.directories import open_directory
from conneg.gateway.events import ignore
from conneg.negotiation import Capability, Plan, describe_capability, make_plan
from conneg.words import age

_SAMPLE = "survey.pdf"


@dataclass(frozen=True, slots=True)
class Said:
    """What one source answered, and how long it took."""

    source: str
    answer: Answer
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all sources answered, in their order, and what the gateway makes of it."""

    recipient: str
    said: tuple[Said, ...]

    @property
    def answer(self) -> Answer:
        """The first that knows is believed; one that cannot say might have known."""
        answers = [one.answer for one in self.said]
        return next(
            (one for kind in (Known, Unavailable) for one in answers if isinstance(one, kind)), Unknown()
        )

    @property
    def capability(self) -> Capability | None:
        """What the recipient can take, if it is known."""
        return self.answer.capability if isinstance(self.answer, Known) else None

    @property
    def words(self) -> str:
        """The answer in a few words."""
        return _words(self.answer)

    @property
    def exit_code(self) -> ExitCode:
        """What a command exits with."""
        match self.answer:
            case Known():
                return ExitCode.DONE
            case Unknown():
                return ExitCode.NO
            case Unavailable():
                return ExitCode.TRY_LATER


async def ask_everybody(config: Config, recipient: str) -> Verdict:
    """Ask every source for `recipient`'s domain, in order, also those behind one that knows."""
    # what the log would say of a source that fails, the verdict says
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    directory = open_directory(config)
    said = []
    try:
        for source in directory.chain_for(recipient).sources:
            began = time.perf_counter()
            answers = await ask(source, [recipient], config.conneg.lookup_seconds)
            answer = answers.get(recipient, Unknown())
            said.append(Said(source.name, answer, time.perf_counter() - began))
    finally:
        await directory.close()
    return Verdict(recipient, tuple(said))


async def what_becomes_of(document: Path | None, verdict: Verdict) -> tuple[str, Plan] | None:
    """Return the name of the document (by default a sample PDF) and what the gateway would do with it."""
    if verdict.capability is None:
        return None
    from conneg.content import Workers
    from conneg.gateway.renditions import MessageRenditions

    sample = files("conneg.demo") / "samples" / _SAMPLE
    name, octets = (document.name, document.read_bytes()) if document else (_SAMPLE, sample.read_bytes())
    message = EmailMessage()
    message["Subject"] = name
    subtype = "pdf" if name.lower().endswith(".pdf") else "octet-stream"
    message.set_content(octets, maintype="application", subtype=subtype, filename=name)
    content = message.as_bytes().replace(b"\n", b"\r\n")
    async with Workers(count=1) as workers:
        async with MessageRenditions("test", content, workers, hostname="localhost", watch=ignore) as made:
            return name, make_plan(await made.offer(), verdict.capability)


def tell(verdict: Verdict, plan: tuple[str, Plan] | None) -> None:
    """Say it to a person."""
    click.echo(f"{verdict.recipient}: {verdict.words}")
    for one in verdict.said:
        mark = "->" if one.answer is verdict.answer else "  "
        click.echo(f"{mark} {one.source}: {_words(one.answer)}, {one.seconds * 1000:.1f} ms")
    if verdict.capability is None:
        return
    for what, value in _facts(verdict.capability).items():
        click.echo(f"{what:<9}{value}")
    if plan is not None:
        name, decided = plan
        click.echo(f"{name} would go out {_becomes(decided)}: {decided.reason}")


def as_values(verdict: Verdict, plan: tuple[str, Plan] | None) -> dict[str, Any]:
    """Return it as values for JSON."""
    capability = verdict.capability
    return {
        "recipient": verdict.recipient,
        "kind": _kind(verdict.answer),
        "answer": verdict.words,
        "milliseconds": sum(one.seconds for one in verdict.said) * 1000,
        "source": capability and capability.source,
        "expression": capability and capability.expression,
        "summary": capability and describe_capability(capability),
        "provenance": capability and capability.provenance.value,
        "obtained_at": capability and capability.obtained_at,
        "authenticated": capability and capability.authenticated,
        "sources": [
            {
                "name": one.source,
                "kind": _kind(one.answer),
                "answer": _words(one.answer),
                "milliseconds": one.seconds * 1000,
            }
            for one in verdict.said
        ],
        "document": plan and {"name": plan[0], "becomes": plan[1].summary, "reason": plan[1].reason},
    }


def _facts(capability: Capability) -> dict[str, str]:
    at = capability.obtained_at
    channel = (
        "protected" if capability.authenticated else "not protected: anybody on the way may have said this"
    )
    return {
        "source": f"{capability.source} ({capability.provenance.value})",
        "age": "not known" if at is None else age(time.time() - at),
        "channel": channel,
        "means": describe_capability(capability),
        "text": capability.expression,
    }


def _becomes(plan: Plan) -> str:
    return plan.summary if plan.summary.startswith("as ") else f"as {plan.summary}"


def _kind(answer: Answer) -> str:
    match answer:
        case Known():
            return "known"
        case Unknown():
            return "unknown"
        case Unavailable():
            return "unavailable"


def _words(answer: Answer) -> str:
    match answer:
        case Known():
            return "known"
        case Unknown():
            return "not in the directory"
        case Unavailable(reason=reason):
            return f"no answer: {reason}"
