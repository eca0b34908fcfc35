"""How long each phase of a session may take, in seconds, for a client (RFC 5321, 4.5.3.2)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds a client waits; the defaults are those of RFC 5321, 4.5.3.2, where it names any.

    `connect` is for the connection; `greeting` for 220; `reply` for the next reply of those that a call waits for;
    `data` for the reply to DATA; `block` for the peer to take the next piece of content; `final` for the reply to the
    content, which a server may need long for; `quit` for the reply to QUIT.
    """

    connect: float = 30.0
    greeting: float = 300.0
    reply: float = 300.0
    data: float = 120.0
    block: float = 180.0
    final: float = 600.0
    quit: float = 5.0
