"""What a test needs from the system, and what to install when it is not there."""

import os
import shutil

import pytest


def require(program: str, package: str) -> str:
    """Return the path of `program`; without it skip, naming the Debian `package`, or fail where CI installs it."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/lib/postfix/sbin")
    if path is None:
        message = f"needs {program}: apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path
