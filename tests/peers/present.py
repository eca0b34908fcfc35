"""What a test needs of the peers; without it it is skipped, or fails where CI installs it."""

from tests.system import lacking, require, require_root

from .exim import find_exim
from .programs import MissingPeerError


def require_postfix() -> None:
    """Postfix, and root to start it."""
    require("postfix", "postfix")
    require_root("Postfix's master(8) starts as root only")


def require_exim() -> None:
    """Exim, unpacked beside Postfix, and root to start it."""
    try:
        find_exim()
    except MissingPeerError as error:
        lacking(str(error))
    require_root("Exim changes to its own user when it has started")
