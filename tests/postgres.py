"""PostgreSQL for tests: a database of their own on the server that DATABASE_URL names, or a server of their own, which
may be stopped and started."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from tests.servers import free_port

USER = "snippets"
# On top of loopback alone, and of no socket in a folder that others share. fsync is of no use to a test.
SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
TLS = {"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key"}


@dataclass
class Postgres:
    """A server on loopback, with an empty database whose owner is a superuser. With TLS, `certificate` is the CA's; the
    server's own is for the address 127.0.0.1, and for no name."""

    folder: Path
    programs: Path
    account: str  # the user of the operating system that runs it
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"postgres://{USER}:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    def run(self, program: str, *arguments: str) -> None:
        as_account = ["runuser", "-u", self.account, "--"] if os.geteuid() == 0 else []
        command = [*as_account, str(self.programs / program), "--pgdata", str(self.folder / "data"), *arguments]
        result = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        log = self.folder / "log"
        assert result.returncode == 0, result.stdout + result.stderr + (log.read_text() if log.exists() else "")

    def start(self) -> None:
        """Returns when it accepts connections."""
        self.run("pg_ctl", "start", "--wait", "--log", str(self.folder / "log"))

    def stop(self) -> None:
        """Disconnects everybody; returns when it is gone."""
        self.run("pg_ctl", "stop", "--wait", "--mode", "fast")

    def restart(self) -> None:
        self.stop()
        self.start()

    def connect(self) -> psycopg.Connection:
        """A connection that commits by itself."""
        return psycopg.connect(self.url, autocommit=True)


StartPostgres = Callable[..., AbstractContextManager[Postgres]]


def _programs() -> Path:
    """The folder of the newest ones, as Debian installs them, or of those in the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = str(debian[-1]) if debian else shutil.which("initdb")
    if not found:
        pytest.skip("PostgreSQL's programs are not installed.")
    return Path(found).parent


def _account() -> str:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _make_certificates(folder: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed.")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new, "-subj", "/CN=CA of the tests", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", *new, "-subj", "/CN=PostgreSQL of the tests", "-keyout", "server.key", "-out", "server.csr")
    (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions"]
    openssl("x509", "-req", "-in", "server.csr", *signed, "-out", "server.crt")


def _initialize(postgres: Postgres, *, tls: bool, **chosen: str) -> None:
    (postgres.folder / "password").write_text(postgres.password)
    if tls:
        _make_certificates(postgres.folder)
    for path in (postgres.folder, *postgres.folder.iterdir()):
        shutil.chown(path, postgres.account)
    login = ["--username", USER, "--pwfile", "password", "--auth", "scram-sha-256"]
    postgres.run("initdb", *login, "--no-sync", "--locale", "C", "--encoding", "UTF8")
    data = postgres.folder / "data"
    if tls:
        for name in ("server.crt", "server.key"):
            (postgres.folder / name).rename(data / name)
    settings = {"port": str(postgres.port)} | SETTINGS | (TLS if tls else {}) | chosen
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())


@contextmanager
def fresh_database() -> Iterator[str]:
    """The URL of a new database beside the one that DATABASE_URL names, where that is PostgreSQL; else nothing."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield ""
        return
    name = f"snippets_live_{secrets.token_hex(6)}"
    with psycopg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def running_postgres(*, tls: bool = False, **settings: str) -> Iterator[Postgres]:
    """The settings are those of postgresql.conf."""
    programs, account = _programs(), _account()
    # Not pytest's own folder, which belongs to the user of the tests alone.
    with tempfile.TemporaryDirectory(prefix="snippets-postgres-", ignore_cleanup_errors=True) as folder:
        postgres = Postgres(Path(folder), programs, account, free_port(), secrets.token_hex(8))
        _initialize(postgres, tls=tls, **settings)
        postgres.start()
        try:
            yield postgres
        finally:
            if (postgres.folder / "data/postmaster.pid").exists():
                postgres.stop()


@pytest.fixture(scope="session")
def start_postgres() -> StartPostgres:
    """`with start_postgres(tls=True) as postgres: ...`"""
    return running_postgres


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A server of this test's own, without TLS."""
    with running_postgres() as server:
        yield server
