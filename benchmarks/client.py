"""A client that costs little: where it is measured, httpx's own work would be too."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

Headers = dict[str, str]
JSON = {"Content-Type": "application/json"}


class Client:
    """A connection that is kept."""

    def __init__(self, url: str, headers: Headers | None = None) -> None:
        self.connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
        self.headers = headers or {}

    def ask(self, method: str, path: str, body: str | None = None, headers: Headers | None = None) -> tuple[int, bytes]:
        self.connection.request(method, path, body, self.headers | (headers or {}))
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def header(self, path: str, name: str) -> str:
        self.connection.request("HEAD", path, headers=self.headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.headers[name]

    def get(self, path: str) -> bytes:
        status, body = self.ask("GET", path)
        assert status == 200, f"{path}: {status} {body[:500]!r}"
        return body

    def make(self, code: str) -> int:
        """Posts a snippet; returns its number."""
        status, body = self.ask("POST", "/snippets/", json.dumps({"code": code}), JSON)
        assert status == 201, f"{status} {body[:500]!r}"
        pk: int = json.loads(body)["pk"]
        return pk
