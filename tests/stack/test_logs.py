"""One log of JSON lines, which a request can be followed through, and which tells no secrets."""

import re

import httpx
import pytest

from tests.stack.conftest import Stack
from tests.stack.test_nginx import raw


def test_a_request_is_followed_from_nginx_to_django_and_back(stack: Stack) -> None:
    answer = httpx.get(f"{stack.url}/snippets/999999/", headers={"X-Request-ID": "trace-me.0001"})
    assert answer.headers.get_list("X-Request-ID") == ["trace-me.0001"]
    access = stack.line(logger="nginx.access", request_id="trace-me.0001")
    assert (access["method"], access["path"], access["status"]) == ("GET", "/snippets/999999/", 404)
    warning = stack.line(logger="django.request", request_id="trace-me.0001")
    assert (warning["level"], warning["message"]) == ("WARNING", "Not Found: /snippets/999999/")


@pytest.mark.parametrize(
    "given", [None, "short", "a" * 65, 'quote"quote', "new line", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"]
)
def test_a_request_without_a_good_id_gets_one(stack: Stack, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given.encode("latin-1")}
    for path in ("/", "/static/nothing.css"):
        [request_id] = httpx.get(stack.url + path, headers=headers).headers.get_list("X-Request-ID")
        assert re.fullmatch(r"[0-9a-f]{32}", request_id)
        stack.line(logger="nginx.access", request_id=request_id)


def test_no_secret_is_in_the_log(stack: Stack) -> None:
    """Passwords, tokens, keys, code, queries, and the addresses of unlisted snippets, in requests good and bad."""
    secrets = {"password": "correct-horse-battery", "code": "very_private_code", "query": "whatisearchfor"}
    name = f"logged-{stack.port}"
    httpx.post(f"{stack.url}/users/", json={"username": name, "password": secrets["password"]})
    issued = httpx.post(f"{stack.url}/tokens/", auth=(name, secrets["password"]), json={"name": "x"})
    secrets["token"] = issued.json()["token"]
    unlisted = {"code": secrets["code"], "visibility": "unlisted"}
    posted = httpx.post(f"{stack.url}/snippets/", json=unlisted).json()
    secrets |= {"edit key": posted["edit_key"], "slug": posted["slug"]}
    key = {"X-Edit-Key": secrets["edit key"]}
    address = f"{stack.url}/snippets/{posted['slug']}"
    asked = {"q": secrets["query"], "nonsense": secrets["query"]}
    for method, path in (("GET", "/"), ("PATCH", "/"), ("GET", "/nothing/"), ("DELETE", "/highlight/")):
        for headers in (key, {"Authorization": f"Bearer {secrets['token']}"}, {"Referer": address}):
            httpx.request(method, address + path, headers=headers, params=asked)
    slug = secrets["slug"]
    for spelt in (f"//{slug}/", f"/./{slug}/", f"/%2F{slug}/", f"%2F{slug}/raw/", f"/%{ord(slug[0]):x}{slug[1:]}/"):
        raw(stack, f"GET /snippets{spelt} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    httpx.get(stack.url, headers={"User-Agent": f"a client with {secrets['token']}"})
    secrets["most of the slug"] = slug[1:]
    # Too large: nginx's own words.
    httpx.post(f"{stack.url}/snippets/", params=asked, content=secrets["code"] * 400_000)
    httpx.post(f"{stack.url}/auth/login/", data={"username": name, "password": secrets["password"]})
    last = httpx.get(f"{stack.url}/languages/").headers["X-Request-ID"]
    stack.line(logger="nginx.access", request_id=last)
    log = (stack.folder / "log").read_text()
    assert "client intended to send too large body" in log
    assert [kind for kind, secret in secrets.items() if secret in log] == []


def test_every_line_is_json_with_a_level_whatever_clients_send(stack: Stack) -> None:
    odd = {"User-Agent": b'"}\\ \xff\xc3\xa9 {"level":"forged"}'}
    answer = httpx.get(f'{stack.url}/"quote\\back%0aslash%00', headers=odd)
    stack.line(logger="nginx.access", request_id=answer.headers["X-Request-ID"])
    levels = {line["level"] for line in stack.lines()}
    assert levels <= {"DEBUG", "INFO", "WARNING", "ERROR", "WARN", "ALERT", "CRIT", "EMERG"}


def test_health_is_not_logged_by_nginx(stack: Stack) -> None:
    answer = httpx.get(f"{stack.url}/health/live/")
    last = httpx.get(f"{stack.url}/languages/").headers["X-Request-ID"]
    stack.line(logger="nginx.access", request_id=last)
    assert answer.headers["X-Request-ID"] not in {line.get("request_id") for line in stack.lines()}
