"""A running server whose PostgreSQL is stopped, started, locked and slow: 503 meanwhile, and no worker is lost."""

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from tests.live.conftest import Server, StartServer
from tests.postgres import Postgres, StartPostgres

PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "a key for the tests alone, and of no use anywhere else",
    "SECURE_SSL_REDIRECT": "false",
    "SECURE_COOKIES": "false",
    "ANONYMOUS_POSTING": "true",
    "LOGIN_RATE": "off",
    "DATABASE_STATEMENT_TIMEOUT": "2",
    "DATABASE_LOCK_TIMEOUT": "1",
}
QUICK = 2.0  # seconds
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def database(start_postgres: StartPostgres) -> Iterator[Postgres]:
    with start_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def server(database: Postgres, start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with start_server(folder / "data", folder / "log", DATABASE_URL=database.url, **PRODUCTION) as running:
        yield running


@pytest.fixture
def with_token(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token}"}, timeout=30) as client:
        yield client


@pytest.fixture
def in_browser(server: Server, database: Postgres) -> Iterator[httpx.Client]:
    """The demo user, logged in, and of the staff."""
    with database.connect() as connection:
        connection.execute("UPDATE accounts_user SET is_staff = true")
    with httpx.Client(base_url=server.url, headers=HTML, timeout=30) as client:
        assert _log_in(client, "/auth/login/", server).status_code == 302
        assert client.get("/admin/").status_code == 200
        yield client


@pytest.fixture
def away(database: Postgres) -> Iterator[None]:
    """The database is away for this test, and back after it."""
    database.stop()
    yield
    database.start()


def _log_in(client: httpx.Client, path: str, server: Server) -> httpx.Response:
    form = client.get(path)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)
    assert token, form.text
    return client.post(path, data=_credentials(server, token[1]))


def _credentials(server: Server, token: str) -> dict[str, str]:
    return {"username": server.user, "password": server.password, "csrfmiddlewaretoken": token}


def _assert_unavailable(response: httpx.Response, seconds: float = QUICK) -> None:
    assert response.status_code == 503, f"{response.request.url}: {response.status_code} {response.text[:300]}"
    assert response.json() == {"detail": "The database does not answer at the moment. Try again."}
    assert response.headers["Retry-After"] == "2"
    assert response.elapsed.total_seconds() < seconds


def _statuses(client: httpx.Client) -> set[int]:
    """Of so many requests at once that each thread of each worker has answered some."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        return {answer.status_code for answer in pool.map(client.get, ["/snippets/", "/users/me/"] * 40)}


PROGRAMS = ["/snippets/", "/snippets/?q=gcd", "/snippets/1/", "/snippets/1/raw/", "/users/me/", "/users/", "/tokens/"]
PAGES = ["/", "/snippets/", "/snippets/1/", "/tokens/", "/auth/login/", "/admin/", "/admin/accounts/user/"]
HIGHLIGHTED = ["/snippets/1/highlight/", "/snippets/1/highlight.svg"]


def test_every_address_that_needs_it_answers_503(
    server: Server, with_token: httpx.Client, in_browser: httpx.Client, away: None
) -> None:
    for path in PROGRAMS + HIGHLIGHTED:
        _assert_unavailable(with_token.get(path))
        _assert_unavailable(with_token.get(path, headers=HTML))
    for path in PAGES + HIGHLIGHTED:
        _assert_unavailable(in_browser.get(path))
    _assert_unavailable(with_token.post("/snippets/", json={"code": "x"}))
    _assert_unavailable(with_token.patch("/snippets/1/", json={"title": "x"}))
    _assert_unavailable(with_token.delete("/snippets/1/"))
    _assert_unavailable(httpx.get(f"{server.url}/tokens/", auth=(server.user, server.password)))
    _assert_unavailable(httpx.post(f"{server.url}/snippets/", json={"code": "x"}))


@pytest.mark.parametrize("path", ["/auth/login/", "/admin/login/"])
def test_logging_in_answers_503(path: str, server: Server, away: None) -> None:
    with httpx.Client(base_url=server.url, headers=HTML) as client:
        _assert_unavailable(_log_in(client, path, server))


def test_health_tells_both(server: Server, away: None) -> None:
    assert httpx.get(f"{server.url}/health/live/").status_code == 200
    ready = httpx.get(f"{server.url}/health/ready/")
    assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "failed")


def test_it_recovers_by_itself(server: Server, with_token: httpx.Client, database: Postgres) -> None:
    """As it does without being asked anything meanwhile: connections from before the restart are of no use."""
    workers = server.log.read_text().count("spawned uWSGI worker")
    assert _statuses(with_token) == {200}
    database.restart()
    assert _statuses(with_token) == {200}
    database.stop()
    assert _statuses(with_token) == {503}
    database.start()
    assert _statuses(with_token) == {200}
    assert httpx.get(f"{server.url}/health/ready/").status_code == 200
    said = server.log.read_text()
    assert said.count("spawned uWSGI worker") == workers > 0
    assert "espawn" not in said.replace("spawned uWSGI worker", "")


def _locked(database: Postgres, statement: str) -> psycopg.Connection:
    """A connection that keeps what the statement locks until it is closed."""
    elsewhere = psycopg.connect(database.url)
    elsewhere.execute(statement)
    return elsewhere


def test_a_lock_is_not_waited_for_long(server: Server, with_token: httpx.Client, database: Postgres) -> None:
    with _locked(database, "LOCK TABLE snippets_snippet"):
        _assert_unavailable(with_token.get("/snippets/"), seconds=3)
    assert "canceling statement due to lock timeout" in server.log.read_text()
    assert with_token.get("/snippets/").status_code == 200


def test_a_statement_that_is_too_slow_is_cancelled(
    server: Server, with_token: httpx.Client, database: Postgres
) -> None:
    with database.connect() as connection:
        connection.execute(
            """
            CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN PERFORM pg_sleep(20); RETURN new; END $$;
            CREATE TRIGGER slow BEFORE INSERT ON snippets_snippet FOR EACH ROW EXECUTE FUNCTION wait()
            """
        )
        began = time.monotonic()
        _assert_unavailable(with_token.post("/snippets/", json={"code": "slow", "title": "slow"}), seconds=5)
        assert time.monotonic() - began > 1
        connection.execute("DROP FUNCTION wait CASCADE")
    assert "canceling statement due to statement timeout" in server.log.read_text()
    assert with_token.get("/snippets/?q=slow").json()["count"] == 0
    assert with_token.post("/snippets/", json={"code": "quick"}).status_code == 201


def test_a_session_that_cannot_be_stored_is_no_mistake_of_the_visitors(server: Server, database: Postgres) -> None:
    """The middleware of sessions stores it after the view. Django takes the failure for a bad request where the session
    was there before."""
    with httpx.Client(base_url=server.url, headers=HTML, timeout=30) as browser:
        with _locked(database, "LOCK TABLE django_session IN EXCLUSIVE MODE"):
            _assert_unavailable(browser.post("/snippets/", data={"code": "1"}), seconds=4)
        assert not browser.cookies
        assert browser.post("/snippets/", data={"code": "1"}).status_code == 201
        assert browser.cookies["sessionid"]
        with _locked(database, "SELECT * FROM django_session FOR UPDATE"):
            _assert_unavailable(browser.post("/snippets/", data={"code": "2"}), seconds=4)


@pytest.fixture
def silent(database: Postgres) -> Iterator[None]:
    """The database has no connections any more, takes new ones, and says nothing to them."""
    database.restart()
    postmaster = int((database.folder / "data/postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGSTOP)
    yield
    os.kill(postmaster, signal.SIGCONT)


def test_a_database_that_says_nothing_is_given_up(
    server: Server, with_token: httpx.Client, in_browser: httpx.Client, silent: None
) -> None:
    """After the 5 seconds of one attempt: a page must not try once more while it says so."""
    _assert_unavailable(with_token.get("/snippets/", headers=HTML), seconds=8)
    _assert_unavailable(in_browser.get("/snippets/"), seconds=8)
    _assert_unavailable(in_browser.get("/admin/"), seconds=8)
    assert httpx.get(f"{server.url}/health/live/").elapsed.total_seconds() < QUICK
