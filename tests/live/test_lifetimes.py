"""Many at once who open what burns after reading, and several purges of what has expired: on a real database."""

import os
import re
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import httpx
import pytest

from tests.conftest import ROOT
from tests.live.conftest import Server, StartServer

CLIENTS = 40
SECRET = "xylophonist"


@pytest.fixture
def unlimited_server(start_server: StartServer, tmp_path: Path) -> Iterator[Server]:
    """All clients of the test come from one address."""
    with start_server(tmp_path / "data", tmp_path / "server.log", ANONYMOUS_POSTING_RATE="off") as server:
        yield server


def post(server: Server, **fields: object) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {server.token}"}
    response = httpx.post(f"{server.url}/snippets/", json={"code": f"{SECRET}\n"} | fields, headers=headers)
    assert response.status_code == 201, response.text
    made: dict[str, object] = response.json()
    return made


def test_one_of_forty_gets_what_burns(unlimited_server: Server) -> None:
    server = unlimited_server
    for _ in range(3):
        made = post(server, burn_after_read=True, title="for one of you")
        start = Barrier(CLIENTS)

        def open_it(number: int, url: str = str(made["url"]), start: Barrier = start) -> httpx.Response:
            with httpx.Client(timeout=60) as client:
                client.get(url).raise_for_status()  # so that it is connected
                start.wait()
                return client.post(f"{url}open/")

        with ThreadPoolExecutor(CLIENTS) as pool:
            responses = list(pool.map(open_it, range(CLIENTS)))
        assert Counter(response.status_code for response in responses) == {200: 1, 410: CLIENTS - 1}
        (given,) = [response for response in responses if response.status_code == 200]
        assert (given.json()["code"], given.headers["Cache-Control"]) == (f"{SECRET}\n", "private, no-store")
        assert not any(SECRET in response.text for response in responses if response is not given)
    assert SECRET not in server.log.read_text()


# PostgreSQL decides by itself when its vacuum overwrites what has been deleted.
@pytest.mark.database("sqlite")
def test_nothing_of_it_is_left_in_sqlite_s_file(unlimited_server: Server) -> None:
    kept = post(unlimited_server, code="glockenspiel\n")
    for number in range(5):
        made = post(unlimited_server, burn_after_read=True, code=f"{SECRET} {number}\n" * 2000)
        assert httpx.post(f"{made['url']}open/").status_code == 200
    (file,) = unlimited_server.log.parent.rglob("db.sqlite3")
    with closing(sqlite3.connect(file)) as connection:
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            time.sleep(0.1)
    stored = file.read_bytes()
    assert (b"glockenspiel" in stored, SECRET.encode() in stored) == (True, False), kept


def test_opening_and_deleting_at_once_gives_it_at_most_once(unlimited_server: Server) -> None:
    server = unlimited_server
    owner = {"Authorization": f"Bearer {server.token}"}
    for _ in range(5):
        made = post(server, burn_after_read=True)
        start = Barrier(3)

        def act(method: str, url: str = str(made["url"]), start: Barrier = start) -> int:
            address, headers = (f"{url}open/", {}) if method == "POST" else (url, owner)
            start.wait()
            return httpx.request(method, address, headers=headers, timeout=60).status_code

        with ThreadPoolExecutor(3) as pool:
            deleted, *opened = pool.map(act, ["DELETE", "POST", "POST"])
        assert (deleted, sorted(opened)) in [(204, [404, 404]), (410, [200, 410])]


def test_it_is_gone_by_the_server_s_own_clock(unlimited_server: Server) -> None:
    made = post(unlimited_server, expires_in=2)
    began = time.monotonic()
    while httpx.get(str(made["url"])).status_code == 200:
        assert time.monotonic() - began < 10
        time.sleep(0.05)
    assert time.monotonic() - began == pytest.approx(2, abs=1)
    assert httpx.get(str(made["url"])).status_code == 404


# --- Purges ---------------------------------------------------------------------------------------------------------

EXPIRED, ALIVE = 1500, 20

FILL = f"""
from datetime import timedelta
from django.core.files.base import ContentFile
from django.utils import timezone
from snippets.models import Attachment, Snippet

then = timezone.now() - timedelta(hours=1)
Snippet.objects.bulk_create(Snippet(code="x", slug=f"{{n:022}}", expires=then) for n in range({EXPIRED}))
Snippet.objects.bulk_create(Snippet(code="x", slug=f"a{{n:021}}") for n in range({ALIVE}))
for snippet in [*Snippet.objects.order_by("-slug")[:{ALIVE}], *Snippet.objects.order_by("slug")[:100]]:
    attachment = Attachment(snippet=snippet, name="a.txt", size=1)
    attachment.file.save("", ContentFile(b"x"))
"""


def manage(environment: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def test_purges_at_the_same_time_do_each_other_no_harm(own_database_url: str, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "DEBUG": "true", "ENV_FILE": os.devnull, "DATA_DIR": str(tmp_path)}
    environment["DATABASE_URL"] = own_database_url
    for arguments in (("migrate", "--verbosity", "0"), ("shell", "--command", FILL)):
        process = manage(environment, *arguments)
        assert process.wait(120) == 0, process.communicate()
    purges = [manage(environment, "purge_expired", "--batch-size", "50") for _ in range(3)]
    said = [process.communicate(timeout=120)[0] for process in purges]
    assert [process.returncode for process in purges] == [0, 0, 0], said
    counts = [re.search(r"Deleted (\d+) snippets with (\d+) files", text) for text in said]
    snippets, files = ([int(count[group]) for count in counts if count] for group in (1, 2))
    assert (sum(snippets), sum(files)) == (EXPIRED, 100)
    assert len([path for path in (tmp_path / "media").rglob("*") if path.is_file()]) == ALIVE
    left = manage(environment, "purge_expired", "--dry-run").communicate(timeout=60)[0]
    assert left.startswith("Would delete 0 snippets with 0 files")
