"""Twenty people at once, on the database that is configured: stars that are counted right, tags that are made twice."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.live.conftest import Server, StartServer

PEOPLE = 20
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def crowded(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("crowded")
    rates = dict.fromkeys(("SIGN_UP_RATE", "LOGIN_RATE"), "off")
    with start_server(folder / "data", folder / "server.log", **rates) as server:
        yield server


@pytest.fixture(scope="module")
def people(crowded: Server) -> Iterator[list[httpx.Client]]:
    """Each has an account and a token of his own."""

    def join(number: int) -> httpx.Client:
        client = httpx.Client(base_url=crowded.url, timeout=60)
        name = f"person{number}"
        assert client.post("/users/", json={"username": name, "password": PASSWORD}).status_code == 201
        issued = client.post("/tokens/", json={"name": "test"}, auth=(name, PASSWORD))
        client.headers["Authorization"] = f"Bearer {issued.json()['token']}"
        return client

    clients = [join(number) for number in range(PEOPLE)]
    yield clients
    for client in clients:
        client.close()


def at_once(people: list[httpx.Client], act: Callable[[httpx.Client, int], Any]) -> list[Any]:
    """What each got who did it, all of them at the same moment."""
    ready = Barrier(len(people))

    def run(number: int) -> Any:
        ready.wait()
        return act(people[number], number)

    with ThreadPoolExecutor(max_workers=len(people)) as pool:
        return list(pool.map(run, range(len(people))))


def stars(client: httpx.Client, pk: int) -> tuple[int, bool]:
    shown = client.get(f"/snippets/{pk}/").json()
    return shown["stars"], shown["starred"]


def post(client: httpx.Client, **fields: Any) -> int:
    return int(client.post("/snippets/", json={"code": "x\n"} | fields).json()["pk"])


def test_every_star_counts_once(people: list[httpx.Client]) -> None:
    pk = post(people[0])
    star = f"/snippets/{pk}/star/"
    assert at_once(people, lambda client, _: client.put(star).status_code) == [204] * PEOPLE
    assert stars(people[0], pk) == (PEOPLE, True)
    odd_ones_leave = at_once(
        people, lambda client, number: client.request("DELETE" if number % 2 else "PUT", star).status_code
    )
    assert odd_ones_leave == [204] * PEOPLE
    assert (stars(people[0], pk), stars(people[1], pk)) == ((PEOPLE // 2, True), (PEOPLE // 2, False))


def test_one_who_stars_it_twenty_times_at_once_counts_once(people: list[httpx.Client]) -> None:
    pk = post(people[0])
    one = people[0].headers["Authorization"]
    put = at_once(
        people,
        lambda client, _: client.put(f"/snippets/{pk}/star/", headers={"Authorization": one}).status_code,
    )
    assert put == [204] * PEOPLE
    assert stars(people[0], pk) == (1, True)


def test_a_snippet_that_goes_while_they_star_and_comment_takes_all_of_it_along(people: list[httpx.Client]) -> None:
    pk = post(people[0])

    def act(client: httpx.Client, number: int) -> int:
        if number == 0:
            return client.delete(f"/snippets/{pk}/").status_code
        if number % 2:
            return client.put(f"/snippets/{pk}/star/").status_code
        return client.post(f"/snippets/{pk}/comments/", json={"body": "x"}).status_code

    first, *others = at_once(people, act)
    assert first == 204
    assert set(others) <= {201, 204, 404}
    starred = people[1].get("/snippets/?starred=true").json()["results"]
    assert pk not in [row["pk"] for row in starred]
    assert people[1].get(f"/snippets/{pk}/comments/").status_code == 404


def test_twenty_make_the_same_tags(people: list[httpx.Client]) -> None:
    names = [f"race-{number}" for number in range(10)]

    def act(client: httpx.Client, number: int) -> httpx.Response:
        turned = names[number % 10 :] + names[: number % 10]
        return client.post("/snippets/", json={"code": "x\n", "tags": turned})

    answers = at_once(people, act)
    assert [answer.status_code for answer in answers] == [201] * PEOPLE
    assert all(answer.json()["tags"] == sorted(names) for answer in answers)
    counted = people[0].get("/tags/?q=race-").json()["results"]
    assert {row["name"]: row["count"] for row in counted} == dict.fromkeys(names, PEOPLE)


def test_twenty_comments_stand_in_one_order(people: list[httpx.Client]) -> None:
    pk = post(people[0])
    comments = f"/snippets/{pk}/comments/"
    made = at_once(people, lambda client, number: client.post(comments, json={"body": f"{number}"}).status_code)
    assert made == [201] * PEOPLE
    page = people[0].get(comments, params={"page_size": 100}).json()
    assert sorted(int(row["body"]) for row in page["results"]) == list(range(PEOPLE))
    assert people[0].get(f"/snippets/{pk}/").json()["comments"] == PEOPLE


def test_twenty_changes_of_a_snippets_tags_leave_those_of_one(people: list[httpx.Client]) -> None:
    pk = post(people[0], tags=["before"])
    one = {"Authorization": people[0].headers["Authorization"]}

    def act(client: httpx.Client, number: int) -> int:
        body = {"tags": [f"mine-{number}", "ours"]}
        return client.patch(f"/snippets/{pk}/", json=body, headers=one).status_code

    assert at_once(people, act) == [200] * PEOPLE
    shown = people[0].get(f"/snippets/{pk}/").json()
    assert (len(shown["tags"]), shown["tags"][1], shown["version"]) == (2, "ours", PEOPLE + 1)
