"""Answers from uWSGI's memory: which are kept, for how long, and that nobody reads what has been changed before."""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.conftest import PASSWORD
from tests.stack.conftest import Stack, StartStack, uwsgi_alone

WRITES = 1000
DATES = {"date_joined_0": "2030-01-01", "date_joined_1": "00:00:00", "is_active": "on"}  # of the admin's form


def begin_a_second() -> None:
    """An entry is for the second in which it was made: what follows has most of one before it."""
    time.sleep(1.02 - time.time() % 1)


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """uWSGI with two processes of four threads, and the application that counts how often it has been asked."""
    caches = ["name=responses,items=64,blocksize=4096,blocks=512,bitmap=1,ignore_full=1", "name=counts,items=4"]
    options = ["--processes=2", "--threads=4", "--cache-expire-freq=1", *(f"--cache2={cache}" for cache in caches)]
    with uwsgi_alone(tmp_path_factory.mktemp("counting"), "tests.stack.counting", *options) as client:
        yield client


numbers = itertools.count(1)


@pytest.fixture
def address() -> str:
    """Of a snippet that no other test asks for."""
    return f"/snippets/{next(numbers)}/raw/"


def test_within_a_second_the_application_is_asked_once(counting: httpx.Client, address: str) -> None:
    begin_a_second()
    answers = [counting.get(address) for _ in range(5)]
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["X-Request-ID"] for answer in answers[1:]}) == 4
    assert answers[1].headers["Cache-Control"] == "no-cache"
    begin_a_second()
    assert counting.get(address).text != answers[0].text


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer x"},
        {"Cookie": "sessionid=x"},
        {"X-Edit-Key": "x"},
        {"Origin": "https://example.org"},
        {"Range": "bytes=0-1"},
        {"If-Match": '"1"'},
        {"If-Modified-Since": "Tue, 24 Nov 2026 12:00:00 GMT"},
        {"X-Forwarded-Proto": "https"},
        {"Content-Type": "text/plain"},
        {"X-Cache-Control": "private, no-store"},
        {"X-Set-Cookie": "a=b"},
        {"X-Vary": "User-Agent"},
        {"X-Status": "404 Not Found"},
        {"X-Times": str(600 * 1024)},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_what_is_of_one_visitor_or_not_for_all_is_asked_each_time(
    counting: httpx.Client, address: str, headers: dict[str, str]
) -> None:
    begin_a_second()
    first, second = (counting.get(address, headers=headers) for _ in range(2))
    assert first.content != second.content


def test_a_visitor_with_credentials_does_not_read_what_is_kept(counting: httpx.Client, address: str) -> None:
    begin_a_second()
    kept = counting.get(address).text
    assert counting.get(address, headers={"Authorization": "Bearer x"}).text != kept
    assert counting.head(address).status_code == 200
    assert counting.post(address).text != kept
    assert counting.get(address).text == kept


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Accept": "application/json"}, {"Accept": "text/html"}),
        ({"Host": "one.example.org"}, {"Host": "other.example.org"}),
        ({"If-None-Match": '"1"'}, {"If-None-Match": '"2"'}),
        # No border between two of them can be moved.
        ({"Accept": "a", "If-None-Match": "b c"}, {"Accept": "c a", "If-None-Match": "b"}),
    ],
    ids=["Accept", "Host", "If-None-Match", "both"],
)
def test_what_an_answer_depends_on_is_a_part_of_its_name(
    counting: httpx.Client, address: str, one: dict[str, str], other: dict[str, str]
) -> None:
    begin_a_second()
    first = counting.get(address, headers=one).text
    assert counting.get(address, headers=other).text != first
    assert counting.get(f"{address}?a=b", headers=one).text != first
    assert counting.get(address, headers=one).text == first


@pytest.mark.parametrize(
    "path",
    ["/", "/snippetsraw/", "/snippets/raw/", "/snippets/0/", "/snippets/01/", "/snippets/1/attachments/", "/users/1/"],
)
def test_other_addresses_are_not_kept(counting: httpx.Client, path: str) -> None:
    begin_a_second()
    assert counting.get(path).text != counting.get(path).text


def test_of_many_at_once_one_asks(counting: httpx.Client, address: str) -> None:
    begin_a_second()
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: counting.get(address, headers={"X-Seconds": "0.4"}).text, range(8)))
    assert len(set(answers)) == 1


def test_where_nothing_is_kept_nobody_waits_for_a_turn(counting: httpx.Client, address: str) -> None:
    """The first one is waited for, and then all the others ask at once."""
    headers = {"X-Seconds": "0.4", "X-Cache-Control": "private, no-store"}
    began = time.monotonic()
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: counting.get(address, headers=headers).text, range(8)))
    assert len(set(answers)) == 8
    assert time.monotonic() - began < 8 * 0.4


def test_a_large_answer_is_kept(counting: httpx.Client, address: str) -> None:
    begin_a_second()
    times = 120 * 1024  # a number of up to four digits
    answers = {counting.get(address, headers={"X-Times": str(times)}).content for _ in range(10)}
    assert len(answers) == 1 and times <= len(answers.pop()) <= 4 * times


def test_lists_are_kept_too(counting: httpx.Client) -> None:
    for query in ("", "?page=2"):
        begin_a_second()
        kept = counting.get(f"/snippets/{query}").text
        assert counting.get(f"/snippets/{query}").text == kept
        assert counting.get(f"/snippets/{query}", headers={"Authorization": "Bearer x"}).text != kept
    begin_a_second()
    assert counting.get("/snippets/").text != counting.get("/snippets/?page=2").text


def test_a_full_memory_is_passed_by(counting: httpx.Client, address: str) -> None:
    for number in range(200):
        assert counting.get(f"{address}?{number}").status_code == 200
    assert counting.get(address).status_code == 200


@pytest.fixture(scope="module")
def writer(stack: Stack) -> Iterator[httpx.Client]:
    with signed_up(stack, "writer") as client:
        yield client


def signed_up(stack: Stack, name: str) -> httpx.Client:
    """Somebody who may write, with a token."""
    account = {"username": name, "password": PASSWORD}
    assert httpx.post(f"{stack.url}/users/", json=account).status_code == 201
    token = httpx.post(f"{stack.url}/tokens/", json={"name": "writing"}, auth=(name, PASSWORD)).json()["token"]
    return httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def test_who_has_written_never_reads_what_was_before(stack: Stack, writer: httpx.Client) -> None:
    """A thousand changes, each read at once by its writer without credentials, while others read all the time."""
    numbers_of_snippets = [writer.post("/snippets/", json={"code": "0\n"}).json()["pk"] for _ in range(4)]
    done, read, stale = threading.Event(), [0] * 6, []

    def read_on(reader: int) -> None:
        with httpx.Client(base_url=stack.url, timeout=30) as anonymous:
            while not done.is_set():
                anonymous.get(f"/snippets/{random.choice(numbers_of_snippets)}/raw/").raise_for_status()
                read[reader] += 1

    readers = [threading.Thread(target=read_on, args=(reader,)) for reader in range(len(read))]
    for reader in readers:
        reader.start()
    with httpx.Client(base_url=stack.url, timeout=30) as anonymous:
        for number in range(1, WRITES + 1):
            snippet = f"/snippets/{numbers_of_snippets[number % 4]}/"
            writer.patch(snippet, json={"code": f"{number}\n"}).raise_for_status()
            found = [anonymous.get(f"{snippet}raw/").text, anonymous.get(snippet).json()["code"]]
            stale += [(number, text) for text in found if text != f"{number}\n"]
    done.set()
    for reader in readers:
        reader.join()
    assert stale == []
    assert sum(read) > WRITES


@pytest.mark.parametrize("suffix", ["", "raw/", "highlight/", "highlight.svg"])
def test_what_is_hidden_or_deleted_is_gone_at_once(stack: Stack, writer: httpx.Client, suffix: str) -> None:
    snippet = writer.post("/snippets/", json={"code": "x = 1\n"}).json()["pk"]
    address = f"{stack.url}/snippets/{snippet}/{suffix}"
    begin_a_second()
    for change in ({"visibility": "private"}, {"visibility": "public"}, {"title": "other"}):
        assert httpx.get(address).status_code == httpx.get(address).status_code
        writer.patch(f"/snippets/{snippet}/", json=change).raise_for_status()
        assert httpx.get(address).status_code == (404 if change == {"visibility": "private"} else 200)
    assert writer.delete(f"/snippets/{snippet}/").status_code == 204
    assert httpx.get(address).status_code == 404


def test_a_fork_does_not_name_what_has_been_hidden(stack: Stack, writer: httpx.Client) -> None:
    for hide in ("patch", "delete"):
        source = writer.post("/snippets/", json={"code": "x = 1\n"}).json()
        fork = writer.post(f"/snippets/{source['pk']}/fork/").json()["pk"]
        address = f"{stack.url}/snippets/{fork}/"
        begin_a_second()
        assert httpx.get(address).json()["forked_from"]
        body = {"json": {"visibility": "private"}} if hide == "patch" else {}
        writer.request(hide.upper(), f"/snippets/{source['pk']}/", **body).raise_for_status()
        assert httpx.get(address).json()["forked_from"] is None


@pytest.mark.parametrize("seconds", [0.4, 2.4])
def test_a_fork_does_not_name_what_has_expired(stack: Stack, writer: httpx.Client, seconds: float) -> None:
    source = writer.post("/snippets/", json={"code": "x\n"}).json()["pk"]
    fork = writer.post(f"/snippets/{source}/fork/").json()
    begin_a_second()
    moment = time.time() + seconds  # in the middle of a second
    assert httpx.get(f"{stack.url}/snippets/{fork['pk']}/").json()["forked_from"]
    expires = datetime.fromtimestamp(moment, UTC).isoformat()
    writer.patch(f"/snippets/{source}/", json={"expires": expires}).raise_for_status()
    seen = []
    while time.time() < moment + 1:
        began = time.time()
        seen.append((began > moment, httpx.get(f"{stack.url}/snippets/{fork['pk']}/").json()["forked_from"]))
    assert (False, f"{stack.url}/snippets/{source}/") in seen
    assert {named for is_late, named in seen if is_late} == {None}


@pytest.fixture
def staff(stack: Stack) -> Iterator[httpx.Client]:
    """Somebody who may do everything, logged in to the admin."""
    name = f"staff-{next(numbers)}"
    make = f"User.objects.create_superuser({name!r}, password={PASSWORD!r})"
    stack.manage("shell", "-c", f"from accounts.models import User; {make}")
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        assert send_form(client, "/admin/login/", username=name, password=PASSWORD).headers["Location"]
        yield client


def send_form(client: httpx.Client, address: str, **fields: object) -> httpx.Response:
    client.get(address).raise_for_status()
    answer = client.post(address, data={**fields, "csrfmiddlewaretoken": client.cookies["csrftoken"]})
    assert answer.status_code == 302, answer.text
    return answer


def test_what_staff_have_deleted_in_bulk_is_named_nowhere(
    stack: Stack, writer: httpx.Client, staff: httpx.Client
) -> None:
    source = writer.post("/snippets/", json={"code": "x = 1\n"}).json()["pk"]
    fork = writer.post(f"/snippets/{source}/fork/").json()["pk"]
    staff.get("/admin/snippets/snippet/").raise_for_status()
    begin_a_second()
    assert httpx.get(f"{stack.url}/snippets/{source}/").status_code == 200
    assert httpx.get(f"{stack.url}/snippets/{fork}/").json()["forked_from"]
    chosen = {"action": "delete_selected", "_selected_action": source, "post": "yes"}
    send_form(staff, "/admin/snippets/snippet/", **chosen)
    assert httpx.get(f"{stack.url}/snippets/{source}/").status_code == 404
    assert httpx.get(f"{stack.url}/snippets/{fork}/").json()["forked_from"] is None


def test_a_user_whom_staff_delete_takes_his_snippets_along(stack: Stack, staff: httpx.Client) -> None:
    name = f"leaving-{next(numbers)}"
    with signed_up(stack, name) as client:
        made = client.post("/snippets/", json={"code": "x\n"}).json()["pk"]
    pk = stack.manage("shell", "-c", f"from accounts.models import User; print(User.objects.get(username={name!r}).pk)")
    user = f"/admin/accounts/user/{pk.split()[-1]}"
    address = f"{stack.url}/snippets/{made}/"
    begin_a_second()
    assert httpx.get(address).json()["owner"] == name
    send_form(staff, f"{user}/change/", username=f"new-{name}", **DATES)
    assert httpx.get(address).json()["owner"] == f"new-{name}"
    send_form(staff, f"{user}/delete/", post="yes")
    assert httpx.get(address).status_code == 404
    assert made not in [row["pk"] for row in httpx.get(f"{stack.url}/snippets/").json()["results"]]


def test_stars_comments_and_tags_are_shown_at_once(stack: Stack, writer: httpx.Client) -> None:
    snippet = f"/snippets/{writer.post('/snippets/', json={'code': 'x'}).json()['pk']}/"

    def shown() -> tuple[int, int, list[str]]:
        answer = httpx.get(stack.url + snippet).json()
        return answer["stars"], answer["comments"], answer["tags"]

    begin_a_second()
    seen = [shown()]
    for method, address, body in (
        ("PUT", "star/", None),
        ("POST", "comments/", {"body": "x"}),
        ("PATCH", "", {"tags": ["a"]}),
        ("DELETE", "star/", None),
    ):
        answer = writer.request(method, snippet + address, json=body).raise_for_status()
        seen.append(shown())
        if method == "POST":
            comment = answer.json()["url"]
    writer.delete(comment).raise_for_status()
    seen.append(shown())
    assert seen == [(0, 0, []), (1, 0, []), (1, 1, []), (1, 1, ["a"]), (0, 1, ["a"]), (0, 0, ["a"])]


def test_what_expires_is_gone_at_that_moment_and_not_a_second_later(stack: Stack, writer: httpx.Client) -> None:
    begin_a_second()
    moment = time.time() + 2.4  # in the middle of a second
    expires = datetime.fromtimestamp(moment, UTC).isoformat()
    snippet = writer.post("/snippets/", json={"code": "x\n", "expires": expires}).json()["pk"]
    seen = []
    while time.time() < moment + 1:
        began = time.time()
        status = httpx.get(f"{stack.url}/snippets/{snippet}/raw/").status_code
        listed = snippet in [row["pk"] for row in httpx.get(f"{stack.url}/snippets/").json()["results"]]
        seen.append((began > moment, status, listed))
    assert (False, 200, True) in seen
    assert {(status, listed) for is_late, status, listed in seen if is_late} == {(404, False)}


def test_a_list_shows_at_once_what_has_been_written(stack: Stack, writer: httpx.Client) -> None:
    """Its rows, and how many there are: a list depends on every snippet."""

    def titles() -> list[str]:
        with_more = [
            httpx.get(f"{stack.url}/snippets/{query}").json() for query in ("", "?include=code", "?page_size=2")
        ]
        assert len({page["count"] for page in with_more}) == 1
        return [row["title"] for row in with_more[0]["results"]][:2]

    begin_a_second()
    titles()
    for number in range(25):
        snippet = writer.post("/snippets/", json={"code": "x", "title": f"new {number}"}).json()
        seen = [titles()]
        writer.patch(snippet["url"], json={"title": f"changed {number}"}).raise_for_status()
        seen.append(titles())
        writer.patch(snippet["url"], json={"visibility": "private"}).raise_for_status()
        seen.append(titles())
        writer.patch(snippet["url"], json={"visibility": "public"}).raise_for_status()
        seen.append(titles())
        writer.delete(snippet["url"]).raise_for_status()
        seen.append(titles())
        shown = [page[0] if page and page[0].endswith(f" {number}") else None for page in seen]
        assert shown == [f"new {number}", f"changed {number}", None, f"changed {number}", None]


def test_what_somebody_else_has_changed_is_read_within_a_second(stack: Stack, writer: httpx.Client) -> None:
    """By another instance, say, or by a command, which do not share this memory."""
    snippet = writer.post("/snippets/", json={"code": "before\n"}).json()["pk"]
    address = f"{stack.url}/snippets/{snippet}/raw/"
    begin_a_second()
    assert httpx.get(address).text == "before\n"
    code = f"from snippets.models import Snippet; Snippet.objects.filter(pk={snippet}).update(code='after')"
    stack.manage("shell", "-c", code)
    begin_a_second()
    assert httpx.get(address).text == "after"


def test_kept_answers_are_what_django_says(stack: Stack, writer: httpx.Client) -> None:
    snippet = writer.post("/snippets/", json={"code": "x = 1\n" * 200, "title": "Umlaut: ü"}).json()["pk"]
    for suffix in ("", "raw/", "highlight/", "highlight.png", "?format=json", "raw"):
        address = f"{stack.url}/snippets/{snippet}/{suffix}"
        begin_a_second()
        first, second, with_cookie = httpx.get(address), httpx.get(address), httpx.get(address, cookies={"a": "b"})
        assert first.status_code == 200
        assert first.content == second.content == with_cookie.content
        shown = [dict(answer.headers) for answer in (first, second, with_cookie)]
        ids = {headers.pop("x-request-id") for headers in shown}
        dates = [headers.pop("date") for headers in shown]
        assert shown[0] == shown[1] == shown[2]
        assert len(ids) == len(dates)
        etag = first.headers["ETag"]
        not_modified = [httpx.get(address, headers={"If-None-Match": etag}) for _ in range(2)]
        assert [answer.status_code for answer in not_modified] == [304, 304]
        assert [answer.headers["ETag"] for answer in not_modified] == [etag, etag]
        head = httpx.head(address)
        assert head.status_code == 200
        assert head.content == b""


def test_the_memory_can_be_turned_off(start_stack: StartStack, tmp_path: Path) -> None:
    with start_stack(tmp_path / "off", RESPONSE_CACHE="false") as off:
        snippet = httpx.post(f"{off.url}/snippets/", json={"code": "before\n"}).json()["pk"]
        address = f"{off.url}/snippets/{snippet}/raw/"
        change = "from snippets.models import Snippet; Snippet.objects.update(code='{}')"
        seen = []
        for word in ("one", "two", "three"):
            off.manage("shell", "-c", change.format(word))
            seen.append(httpx.get(address).text)
        assert seen == ["one", "two", "three"]
