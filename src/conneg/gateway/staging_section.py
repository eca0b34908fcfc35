"""`[staging]`: what gateway and retrieval server agree on about content that is fetched and not sent."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from conneg.gateway.networks import LOOPBACK, Network
from conneg.gateway.sections import EndpointText, Section


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    is_plain = text.isascii() and not any(char in text for char in " \"'<>\\") and text.isprintable()
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is not the address of a server (write https://files.example.org)")
    if not is_plain:
        raise ValueError(f"{text!r} holds characters that an address cannot have")
    return text.rstrip("/")


class StagingSection(Section):
    """Where staged content lives, who serves it at which address, for how long and how often.

    `base_url`: the address that recipients see, of the retrieval server or of the proxy before it. `listen`: where
    `conneg staging serve` listens. `proxy_networks`: proxies that are believed who the client is (X-Forwarded-For).
    `code`: a link is good only together with a code that is mailed to the recipient; `code_via`: the SMTP server that
    takes these mails, by default the first of `[server] listen`. `forms`: whether other forms than the original, and
    previews, are made. `cache_mib`: how much of those is kept.
    """

    base_url: Annotated[str, AfterValidator(_base_url)]
    folder: Path = Path("staging")
    listen: EndpointText = "127.0.0.1:8025"
    proxy_networks: tuple[Network, ...] = LOOPBACK
    keep_days: float = Field(default=14, gt=0, le=3650)
    max_downloads: int = Field(default=20, ge=1)
    max_mib: int = Field(default=10_240, ge=1)
    code: bool = False
    code_via: EndpointText | None = None
    forms: bool = True
    cache_mib: int = Field(default=256, ge=1)

    @property
    def max_octets(self) -> int:
        """The quota of all staged contents."""
        return self.max_mib << 20

    @property
    def is_secure(self) -> bool:
        """Whether recipients come by HTTPS."""
        return self.base_url.startswith("https:")

    @model_validator(mode="after")
    def _secure_codes(self) -> "StagingSection":
        host = urlsplit(self.base_url).hostname or ""
        if self.code and not self.is_secure and host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("code = true needs a base_url with https: a code on an open line proves nothing")
        return self
