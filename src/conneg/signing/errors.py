"""What can be wrong with keys and signatures."""

from conneg.errors import ConnegError


class SigningError(ConnegError):
    """A key or certificate that cannot be used, or data that cannot be signed; the message says which and why."""


class SignatureError(ConnegError):
    """A signature that does not hold, or is not the one that was looked for; the message says why in a few words."""
