"""What a test needs from the system, and what to install when it is not there."""

import os
import shutil
from typing import NoReturn

import pytest


def require(program: str, package: str) -> str:
    """Return the path of `program`; without it skip, naming the Debian `package`, or fail where CI installs it."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/lib/postfix/sbin")
    if path is None:
        lacking(f"needs {program}: apt-get install {package}")
    return path


def lacking(message: str) -> NoReturn:
    """Skip, saying what is lacking; fail where CI installs it."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def require_root(why: str) -> None:
    """Without root skip, saying `why`."""
    if os.geteuid() != 0:
        pytest.skip(f"needs root: {why}")
