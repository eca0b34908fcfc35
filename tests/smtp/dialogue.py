"""Dialogue files: `C:` and `S:` lines as in the draft's section 6, and a head of `# name: value` lines.

`cores`: who runs it; `extensions`, `conneg`: the server's settings; `recipient`: known, unknown or unavailable in the
directory; `ask`: what the client asks for where no RCPT line says so; `wants`: what the client must make of the reply
to RCPT: a code, `nothing`, or an expression.
"""

from dataclasses import dataclass
from pathlib import Path

from conneg.smtp import (
    ConnegArgument,
    ContentEnd,
    DataCommand,
    MailCommand,
    RcptAnswer,
    RcptBatch,
    RcptCommand,
    RcptRequest,
    Reply,
    ServerConfig,
    ServerSession,
    VrfyCommand,
    not_supported,
    unavailable,
)

FOLDER = Path(__file__).parent / "dialogues"

K_7 = (
    "(&(image-file-structure=TIFF-minimal)(MRC-mode=0)(color=Binary)(|(&(dpi=204)(dpi-xyratio=[204/98,204/196]) )"
    "(&(dpi=200)(dpi-xyratio=[200/100,1]) )(&(dpi=400)(dpi-xyratio=1) ) )(|(image-coding=[MH,MR,MMR])"
    "(&(image-coding=JBIG)(image-coding-constraint=JBIG-T85)(JBIG-stripe-size=128) ) )(paper-size=[letter,A4,B4])"
    "(ua-media=stationery) )"
)


@dataclass(frozen=True)
class Dialogue:
    name: str
    head: dict[str, str]
    turns: tuple[tuple[str, tuple[str, ...]], ...]
    """("C" or "S", its lines without CRLF), the two taking turns."""

    @property
    def config(self) -> ServerConfig:
        return ServerConfig(
            "ifax1.jp",
            banner="IFAX",
            extensions=frozenset(self.head.get("extensions", "DSN").split()),
            conneg=self.head.get("conneg", "on"),
        )

    @property
    def requests(self) -> list[RcptRequest]:
        """What a client that is to say the C: lines must be asked for."""
        if "ask" in self.head:
            address, argument = self.head["ask"].split()
            return [RcptRequest(address, ConnegArgument(argument))]
        requests: dict[str, RcptRequest] = {}
        for line in self.said_by_client:
            if line.startswith("RCPT TO:<"):
                address, _, rest = line.removeprefix("RCPT TO:<").partition(">")
                argument = ConnegArgument(rest.partition("=")[2]) if "=" in rest else None
                requests.setdefault(address, RcptRequest(address, argument))
        return list(requests.values())

    @property
    def said_by_client(self) -> list[str]:
        return [line for side, lines in self.turns if side == "C" for line in lines]

    @property
    def said_by_server(self) -> list[str]:
        return [line for side, lines in self.turns if side == "S" for line in lines]


def read_dialogue(path: Path) -> Dialogue:
    head: dict[str, str] = {}
    turns: list[tuple[str, list[str]]] = []
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("#"):
            name, colon, value = line[1:].partition(": ")
            if colon:
                head[name.strip()] = value.strip()
            continue
        side, text = line[0], line[3:]
        if not turns or turns[-1][0] != side:
            turns.append((side, []))
        turns[-1][1].append(text)
    return Dialogue(path.stem, head, tuple((side, tuple(lines)) for side, lines in turns))


def dialogues(core: str) -> list[Dialogue]:
    found = [read_dialogue(path) for path in sorted(FOLDER.glob("*.txt"))]
    return [dialogue for dialogue in found if core in dialogue.head["cores"].split()]


def octets(lines: tuple[str, ...] | list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def answer_rcpt(command: RcptCommand, recipient: str, capability: str = K_7) -> RcptAnswer:
    """Answer as a server whose directory knows, does not know, or cannot say what the recipient can take."""
    accepted = Reply(250, (f"<{command.forward_path}> recipient ok",), "2.1.5")
    if command.conneg is None:
        return RcptAnswer(accepted)
    if recipient == "known":
        return RcptAnswer(accepted, capability)
    if command.conneg is ConnegArgument.OPTIONAL:
        return RcptAnswer(accepted)
    refuse = not_supported if recipient == "unknown" else unavailable
    return RcptAnswer(refuse(command.forward_path))


def answer_all(
    session: ServerSession,
    recipient: str = "known",
    capability: str = K_7,
    events: list[object] | None = None,
) -> bytes:
    """Answer every event of `session`, positively; return what it says."""
    while (event := session.next_event()) is not None:
        if events is not None:
            events.append(event)
        match event:
            case MailCommand():
                session.answer_mail(Reply(250, (f"<{event.reverse_path}> sender ok",), "2.1.0"))
            case RcptBatch():
                session.answer_rcpts([answer_rcpt(c, recipient, capability) for c in event.commands])
            case DataCommand():
                session.accept_content()
            case ContentEnd():
                session.answer_content(Reply(250, ("message accepted",), "2.0.0"))
            case VrfyCommand():
                session.answer_vrfy(Reply(252, ("cannot verify",), "2.1.5"))
            case _:
                pass
    return session.data_to_send()


def greeted(config: ServerConfig | None = None) -> ServerSession:
    """A session that has greeted; the greeting has been sent."""
    session = ServerSession(config or ServerConfig("mx.example"))
    session.greet()
    session.data_to_send()
    return session


def say(session: ServerSession, *lines: str, recipient: str = "known") -> list[str]:
    """Say whole lines to the session; return the lines it answers."""
    session.receive_data(octets(lines))
    return answer_all(session, recipient).decode("ascii").split("\r\n")[:-1]
