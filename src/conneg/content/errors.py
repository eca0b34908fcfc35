"""What goes wrong with documents: refused because of what they are, or not convertible to what was asked."""

from conneg.errors import ConnegError, ExitCode


class ContentRefusedError(ConnegError):
    """The document itself is the reason: damaged, encrypted, hostile, too large, of a kind that cannot be
    read.
    """

    exit_code = ExitCode.BAD_DATA


class OfficeDocumentError(ContentRefusedError):
    """An office document, which no reader opens before LibreOffice has made it readable."""


class ConversionError(ConnegError):
    """The document is fine, but the form asked for cannot be made from it."""

    exit_code = ExitCode.NO
