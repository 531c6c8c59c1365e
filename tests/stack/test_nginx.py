"""What nginx does before Django sees a request, and without it."""

import json
import re
import socket
from pathlib import Path

import httpx
import pytest

from tests.stack.conftest import Stack

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
LONG = "a" * 9000
ONCE = ["X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "X-Request-ID", "Cache-Control", "Content-Type"]


def raw(stack: Stack, request: bytes) -> bytes:
    """What comes back until nginx closes."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


ERRORS = {
    "unknown host": (400, "GET", "/snippets/", {"Host": "evil.example.org"}, b""),
    "host of the static files": (400, "GET", "/static/x.css", {"Host": "evil.example.org"}, b""),
    "host of the icon": (400, "GET", "/favicon.ico", {"Host": "evil.example.org"}, b""),
    "method": (405, "TRACE", "/snippets/", {}, b""),
    "body": (413, "POST", "/snippets/", {"Content-Type": "text/plain"}, b"a" * 6_000_000),
    "header": (431, "GET", "/snippets/", {"X-Long": LONG}, b""),
    "headers": (431, "GET", "/snippets/", {f"X-{n}": "a" for n in range(150)}, b""),
    "no such file": (404, "GET", "/static/nothing.css", {}, b""),
    "upload": (404, "GET", "/media/avatars/abc", {}, b""),
    "page of errors": (404, "GET", "/error/html", {}, b""),
}


@pytest.mark.parametrize("name", ERRORS)
def test_its_errors_are_json_for_clients_and_a_page_for_browsers(stack: Stack, name: str) -> None:
    status, method, path, headers, content = ERRORS[name]
    answer = httpx.request(method, stack.url + path, headers=headers, content=content)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert list(answer.json()) == ["detail"]
    assert answer.headers["Server"] == "nginx"
    page = httpx.request(method, stack.url + path, headers=BROWSER | headers, content=content)
    assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{status}</h1>\n<p>{answer.json()['detail']}</p>" in page.text
    for each in (answer, page):
        assert {name: len(each.headers.get_list(name)) for name in ONCE} == dict.fromkeys(ONCE, 1)
        assert each.headers["Cache-Control"] == "no-store"


NO_REQUESTS = {
    b"NONSENSE\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\n\r\n": 400,
    b"GET / HTTP/1.0\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n": 400,
    b"POST /snippets/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n": 400,
    b"POST /snippets/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n": 501,
    # The headers, and so the wish for a page, are not read any more.
    b"GET /?q=" + LONG.encode() + b" HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n": 414,
}


@pytest.mark.parametrize(("request_line", "status"), NO_REQUESTS.items())
def test_what_is_no_request_is_refused_in_json(stack: Stack, request_line: bytes, status: int) -> None:
    head, _, body = raw(stack, request_line).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert list(json.loads(body)) == ["detail"]


def test_a_length_and_chunks_together_are_refused(stack: Stack) -> None:
    head = b"POST /snippets/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert raw(stack, head + b"0\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_errors_of_the_application_pass_as_they_are(stack: Stack) -> None:
    answer = httpx.post(f"{stack.url}/snippets/", json={"visiblity": "private"})
    assert (answer.status_code, answer.json()["visiblity"]) == (400, ["Unknown field."])
    assert httpx.get(f"{stack.url}/snippets/999999/", headers=BROWSER).status_code == 404


@pytest.mark.parametrize("host", ["10.1.2.3", "evil.example.org", "10.1.2.3:8080"])
def test_health_answers_to_any_host(stack: Stack, host: str) -> None:
    for path in ("/health/live", "/health/live/", "/health/ready/"):
        answer = httpx.get(stack.url + path, headers={"Host": host})
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_the_host_is_kept_with_its_port(stack: Stack) -> None:
    for host in ("snippets.example.org:8443", "localhost", "SNIPPETS.example.org"):
        links = httpx.get(f"{stack.url}/", headers={"Host": host}).json()
        assert links["snippets"] == f"http://{host}/snippets/"


def test_a_client_says_neither_scheme_nor_address_nor_host(stack: Stack) -> None:
    claims = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on", "X-Forwarded-Host": "evil.example.org"}
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        claims[header] = "203.0.113.99"
    links = httpx.get(f"{stack.url}/", headers=claims | {"X-Request-ID": "a-client-claims"}).json()
    assert links["snippets"] == f"{stack.url}/snippets/"
    assert stack.line(logger="nginx.access", request_id="a-client-claims")["client"] == "127.0.0.1"


def test_a_trusted_proxy_says_scheme_and_address(behind_proxy: Stack) -> None:
    # The client itself has sent the first of them; the load balancer has added the others.
    said = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.0.1.5", "X-Forwarded-Proto": "https"}
    answer = httpx.get(f"{behind_proxy.url}/", headers=said | {"X-Request-ID": "a-proxy-says"})
    assert answer.json()["snippets"] == f"https://127.0.0.1:{behind_proxy.port}/snippets/"
    assert behind_proxy.line(logger="nginx.access", request_id="a-proxy-says")["client"] == "203.0.113.9"


def test_floods_of_one_address_leave_the_others_alone(behind_proxy: Stack) -> None:
    def post(address: str, path: str, **more: object) -> httpx.Response:
        headers = {"X-Forwarded-For": address}
        return httpx.post(behind_proxy.url + path, headers=headers, **more)  # type: ignore[arg-type]

    for path, form in (("/snippets/", {"code": "flood"}), ("/auth/login/", {"username": "a", "password": "b"})):
        answers = [post("198.51.100.1", path, data=form) for _ in range(60)]
        refused = [answer for answer in answers if answer.headers["Server"] == "nginx" and answer.status_code == 429]
        assert refused, path
        assert all(answer.headers["Retry-After"].isdigit() for answer in refused)
        assert post("198.51.100.2", path, data=form).status_code != 429
    assert httpx.get(f"{behind_proxy.url}/snippets/", headers={"X-Forwarded-For": "198.51.100.1"}).status_code == 200


def test_a_guess_of_a_password_is_limited_wherever_it_is_made(behind_proxy: Stack) -> None:
    headers = {"X-Forwarded-For": "198.51.100.7"}
    answers = [
        httpx.get(f"{behind_proxy.url}/tokens/", auth=("owner", "guess"), headers=headers).status_code
        for _ in range(30)
    ]
    assert answers[0] == 401
    assert 429 in answers


def test_static_files_have_hashed_names_and_stay_for_ever(stack: Stack, static_root: Path) -> None:
    page = httpx.get(f"{stack.url}/snippets/", headers=BROWSER).text
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(addresses) > 3
    for address in addresses:
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", address)
        answer = httpx.get(stack.url + address)
        assert answer.status_code == 200
        assert answer.headers.get_list("Cache-Control") == ["public, max-age=31536000, immutable"]
        assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
        assert answer.content == (static_root / address.removeprefix("/static/")).read_bytes()
    unhashed = httpx.get(f"{stack.url}/static/snippets/highlight.css")
    assert unhashed.headers["Cache-Control"] == "public, max-age=3600"
    assert unhashed.headers["Content-Type"] == "text/css; charset=utf-8"


def test_files_that_browsers_and_robots_ask_for(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/favicon.ico").headers["Content-Type"] == "image/x-icon"
    assert "Disallow: /admin/" in httpx.get(f"{stack.url}/robots.txt").text


def test_no_path_leads_out_of_the_static_files(stack: Stack) -> None:
    for path in ("/static../nginx/nginx.conf", "/static/../nginx/nginx.conf", "/static/%2e%2e/nginx/values.conf"):
        answer = raw(stack, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize(
    "path", ["/", "/snippets/", "/docs/", "/auth/login/", "/static/snippets/highlight.css", "/nothing"]
)
def test_security_headers_are_there_once(stack: Stack, path: str) -> None:
    for headers in ({}, BROWSER):
        answer = httpx.get(stack.url + path, headers=headers)
        assert {name: len(answer.headers.get_list(name)) for name in ONCE} == dict.fromkeys(ONCE, 1)
        assert answer.headers["Server"] == "nginx"


def test_a_chunked_body_arrives_whole(stack: Stack) -> None:
    code = "".join(f"line {number}\n" for number in range(20_000))
    headers = {"Content-Type": "text/plain"}
    answer = httpx.post(f"{stack.url}/snippets/", content=iter([code.encode()]), headers=headers)
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert (answer.status_code, answer.json()["code"]) == (201, code)


def test_as_many_and_as_large_headers_as_it_lets_through_reach_django(stack: Stack) -> None:
    large = {f"X-{number}": "a" * 7900 for number in range(4)}
    many = {f"X-{number}": "a" for number in range(90)}
    for headers in (large, many, {"Cookie": "a=" + "b" * 7900}):
        answer = httpx.get(f"{stack.url}/languages/", headers=headers, params={"format": "json"})
        assert answer.status_code == 200


def test_slow_clients_hold_no_worker(stack: Stack) -> None:
    """Many more than there are threads, each in the midst of its request or of its answer."""
    code = "x" * 500_000
    pk = httpx.post(f"{stack.url}/snippets/", json={"code": code}).json()["pk"]
    head = "POST /snippets/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nhalf"
    read = f"GET /snippets/{pk}/raw/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connections = [socket.create_connection(("127.0.0.1", stack.port)) for _ in range(60)]
    try:
        for number, connection in enumerate(connections):
            connection.sendall((head if number % 2 else read).encode())
        for _ in range(20):
            assert httpx.get(f"{stack.url}/snippets/{pk}/", timeout=10).status_code == 200
    finally:
        for connection in connections:
            connection.close()
