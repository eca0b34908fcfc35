"""Database servers of a test's own: each in a folder of its own, on a socket in it only, started and stopped by it."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from .pausing import pause, resume
from .system import lacking, require


class Server:
    """A server with a folder; a context manager that starts it, stops it and removes the folder."""

    owner = "nobody"
    """The user it runs as where the tests are run by root."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="db", dir="/tmp"))  # a socket's path is short
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam(self.owner)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self._as = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        try:
            self.prepare()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    @property
    def url(self) -> str:
        """Its address in SQLAlchemy's form."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The process that listens."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Make what it keeps its data in."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it answers."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it at once."""
        raise NotImplementedError

    def pause(self) -> None:
        """Let all its processes stand still, with its sockets open."""
        pause([self.pid])  # it can have no more children now
        pause(_children(self.pid))

    def resume(self) -> None:
        """Let them go on."""
        resume([*_children(self.pid), self.pid])

    def execute(self, *statements: str) -> None:
        """Run statements, each in a transaction of its own."""
        from sqlalchemy import create_engine

        engine = create_engine(self.url)
        try:
            for statement in statements:
                with engine.begin() as connection:
                    connection.exec_driver_sql(statement)
        finally:
            engine.dispose()

    def __enter__(self) -> "Any":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.resume()
            self.stop()
        except (OSError, subprocess.SubprocessError):
            pass
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    """PostgreSQL; it will not run as root."""

    owner = "postgres"

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://mail@/postgres?host={self.folder}&connect_timeout=3"

    @property
    def pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def prepare(self) -> None:
        self._run("initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", "mail", "--no-sync")

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        if not found:
            lacking(f"needs {program}: apt-get install postgresql")
        subprocess.run(
            [found[-1], *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=60, **self._as
        )


class MariaDb(Server):
    """MariaDB."""

    owner = "mysql"

    def __init__(self) -> None:
        self._program = require("mariadbd", "mariadb-server")
        self._installer = require("mariadb-install-db", "mariadb-server")
        self._process: subprocess.Popen[bytes] | None = None
        super().__init__()

    @property
    def url(self) -> str:
        return f"mysql+pymysql://mail@/mail?unix_socket={self.folder}/socket&charset=utf8mb4"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def prepare(self) -> None:
        data = self.folder / "data"
        command = [
            self._installer, "--no-defaults", f"--datadir={data}", "--skip-test-db",
            "--auth-root-authentication-method=normal",
        ]  # fmt: skip
        for is_last in (False, True):  # under load it may fail
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, cwd="/", timeout=100, **self._as
            )
            if done.returncode == 0:
                break
            if is_last:
                raise RuntimeError(f"mariadb-install-db: {done.stdout}{done.stderr}")
            shutil.rmtree(data, ignore_errors=True)
        (self.folder / "init").write_text(
            "CREATE DATABASE IF NOT EXISTS mail CHARACTER SET utf8mb4;\n"
            "CREATE USER IF NOT EXISTS mail@localhost IDENTIFIED BY '';\n"
            "GRANT ALL ON mail.* TO mail@localhost;\n"
        )

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                self._program, "--no-defaults", f"--datadir={self.folder}/data", "--skip-networking",
                f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid",
                f"--init-file={self.folder}/init", f"--log-error={self.folder}/log",
                "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **self._as,
        )  # fmt: skip
        end = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
            except Exception:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)


def _children(pid: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]
