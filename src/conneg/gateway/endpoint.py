"""Where a next hop or a listener is: a host and a port, written `host:port`, with brackets around IPv6."""

import re
from dataclasses import dataclass

_FORM = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\s:\[\]/]+)):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP endpoint: `host` (a name or an address, without brackets) and `port` (0 to 65535)."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, default_port: int | None = None) -> "Endpoint":
        """Read `host:port` or `[IPv6]:port`; raise `ValueError` with one clear line when it is neither."""
        match = _FORM.fullmatch(text)
        if match is None and default_port is not None:
            match = _FORM.fullmatch(f"{text}:{default_port}") or _FORM.fullmatch(f"[{text}]:{default_port}")
        if match is None or int(match["port"]) > 65535:
            raise ValueError(
                f"{text!r} is not host:port (write 127.0.0.1:2525, mail.example.org:25 or [::1]:2525)"
            )
        return cls(match["v6"] or match["host"], int(match["port"]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
