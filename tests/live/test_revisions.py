"""Twenty clients that change one snippet at once, on a running server."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.live.conftest import Server

CLIENTS = 20
CHANGES = 5  # by each of them


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as made:
        yield made


@pytest.fixture
def at_once(server: Server) -> Callable[[Callable[[httpx.Client, int], Any]], list[Any]]:
    """What each of the clients returns; all start at the same moment, each with a connection of its own."""

    def run(work: Callable[[httpx.Client, int], Any]) -> list[Any]:
        barrier = Barrier(CLIENTS)

        def one(number: int) -> Any:
            headers = {"Authorization": f"Bearer {server.token}"}
            with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
                client.get("/health/live/")
                barrier.wait(timeout=60)
                return work(client, number)

        with ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(one, range(CLIENTS)))

    return run


def history(client: httpx.Client, address: str) -> list[dict[str, Any]]:
    """All rows, oldest first."""
    rows: list[dict[str, Any]] = []
    following: str | None = f"{address}revisions/?page_size=100"
    while following:
        page = client.get(following).raise_for_status().json()
        rows += page["results"]
        following = page["next"]
    return rows[::-1]


def test_every_change_is_one_revision_and_no_number_is_missing(
    client: httpx.Client, at_once: Callable[..., list[Any]]
) -> None:
    address = client.post("/snippets/", json={"code": "first\n"}).raise_for_status().json()["url"]

    def change(own: httpx.Client, number: int) -> list[tuple[int, int, str]]:
        answers = []
        for turn in range(CHANGES):
            code = f"by {number} in turn {turn}\n"
            response = own.patch(address, json={"code": code, "message": code.strip()})
            answers.append((response.status_code, response.json()["revision"], code))
        return answers

    answers = [answer for answers in at_once(change) for answer in answers]
    total = 1 + CLIENTS * CHANGES
    assert {status for status, _, _ in answers} == {200}
    assert sorted(number for _, number, _ in answers) == list(range(2, total + 1))
    rows = history(client, address)
    assert [row["number"] for row in rows] == list(range(1, total + 1))
    codes = {number: code for _, number, code in answers} | {1: "first\n"}
    for row in rows:
        assert client.get(row["raw"]).text == codes[row["number"]]
        assert row["message"] == (codes[row["number"]].strip() if row["number"] > 1 else "")
    present = client.get(address).json()
    assert (present["revision"], present["version"], present["code"]) == (total, total, codes[total])


def test_changes_forks_and_restoring_at_once_lose_nothing(
    client: httpx.Client, at_once: Callable[..., list[Any]]
) -> None:
    address = client.post("/snippets/", json={"code": "first\n"}).raise_for_status().json()["url"]
    client.patch(address, json={"code": "second\n"}).raise_for_status()

    def work(own: httpx.Client, number: int) -> tuple[str, int, dict[str, Any]]:
        kind = ("change", "restore", "fork", "title")[number % 4]
        response = {
            "change": lambda: own.put(address, json={"code": f"by {number}\n"}),
            "restore": lambda: own.post(f"{address}revisions/1/restore/"),
            "fork": lambda: own.post(f"{address}fork/"),
            "title": lambda: own.patch(address, json={"title": f"title {number}"}),
        }[kind]()
        return kind, response.status_code, response.json()

    answers = at_once(work)
    assert {status for kind, status, _ in answers if kind != "fork"} == {200}
    forks = [made for kind, status, made in answers if kind == "fork" and status == 201]
    assert len(forks) == CLIENTS // 4
    rows = history(client, address)
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    codes = {client.get(row["raw"]).text for row in rows}
    assert {f"by {number}\n" for number in range(0, CLIENTS, 4)} <= codes
    assert {fork["code"] for fork in forks} <= codes
    assert {f"title {number}" for number in range(3, CLIENTS, 4)} <= {row["title"] for row in rows}


def test_of_twenty_clients_that_read_the_same_version_one_makes_a_revision(
    client: httpx.Client, at_once: Callable[..., list[Any]]
) -> None:
    posted = client.post("/snippets/", json={"code": "first\n"}).raise_for_status()
    address, headers = posted.json()["url"], {"If-Match": posted.headers["ETag"]}

    def change(own: httpx.Client, number: int) -> int:
        return own.patch(address, json={"code": f"by {number}\n"}, headers=headers).status_code

    assert sorted(at_once(change)) == [200] + [412] * (CLIENTS - 1)
    assert [row["number"] for row in history(client, address)] == [1, 2]
