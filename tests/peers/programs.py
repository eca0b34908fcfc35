"""Where system programs are, and as whom they may run."""

import os
import pwd
import shutil

PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/postfix/sbin"))


class MissingPeerError(Exception):
    """A peer that is not installed or cannot run here; the text names its Debian package, or says why."""


PACKAGES = {
    "postfix": "postfix",
    "smtp-sink": "postfix",
    "smtp-source": "postfix",
    "gs": "ghostscript",
    "gm": "graphicsmagick",
    "convert": "imagemagick",
    "tiffcp": "libtiff-tools",
    "tesseract": "tesseract-ocr",
}


def find(program: str) -> str:
    """The path of `program`; MissingPeerError naming its Debian package where it is absent."""
    path = shutil.which(program, path=PATH)
    if path is None:
        raise MissingPeerError(f"needs {program}: apt-get install {PACKAGES.get(program, program)}")
    return path


def unprivileged_user() -> str | None:
    """Whom a program that refuses to serve as root should become; None when we are not root."""
    if os.geteuid() != 0:
        return None
    return next((user.pw_name for user in pwd.getpwall() if user.pw_name == "nobody"), "postfix")
