"""A stand-in for Dropbox: the calls that django-storages makes, answered over HTTP as Dropbox's documentation says.

The library speaks to https://api.dropboxapi.com and https://content.dropboxapi.com. `Detour` sends that here.
"""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

PAGE = 3  # entries of a folder in one answer: few, so that a small test has several pages


class Detour(HTTPAdapter):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        request.url = self.url + urlsplit(str(request.url)).path
        return super().send(request, *args, **kwargs)


class StandIn(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, tuple[bytes, datetime]] = {}
        self.sessions: dict[str, bytearray] = {}
        self.refused: tuple[int, dict[str, Any]] | None = None  # what every call is answered with
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def metadata(self, path: str) -> dict[str, Any]:
        content, modified = self.files[path]
        stamp = modified.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            ".tag": "file",
            "name": path.rpartition("/")[2],
            "id": f"id:{abs(hash(path)):022d}",
            "path_lower": path.lower(),
            "path_display": path,
            "client_modified": stamp,
            "server_modified": stamp,
            "rev": "0123456789abcdef",
            "size": len(content),
        }

    def store(self, path: str, content: bytes) -> dict[str, Any]:
        self.files[path] = content, datetime.now(UTC)
        return self.metadata(path)

    def entries(self, folder: str) -> list[dict[str, Any]]:
        below = [path[len(folder) + 1 :] for path in self.files if path.startswith(f"{folder}/")]
        folders = sorted({rest.partition("/")[0] for rest in below if "/" in rest})
        listed = [{".tag": "folder", "name": name, "id": f"id:{name:0>22}"} for name in folders]
        return listed + [self.metadata(f"{folder}/{rest}") for rest in sorted(below) if "/" not in rest]


def missing(route: str) -> tuple[int, dict[str, Any]]:
    tag = "path_lookup" if route == "files/delete_v2" else "path"
    return 409, {"error_summary": f"{tag}/not_found/..", "error": {".tag": tag, tag: {".tag": "not_found"}}}


class Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Nothing is said."""

    def do_GET(self) -> None:
        content = self.server.files[self.path.removeprefix("/link")][0]
        self._send(200, content, {"Content-Type": "application/octet-stream"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        route = self.path.removeprefix("/2/").strip("/")
        if self.server.refused:
            return self._json(*self.server.refused)
        if route == "oauth2/token":
            return self._json(200, {"access_token": "sl.short", "expires_in": 14400, "token_type": "bearer"})
        if "Dropbox-API-Arg" in self.headers:
            return self._content(route, json.loads(self.headers["Dropbox-API-Arg"]), body)
        return self._json(*self._call(route, json.loads(body)))

    def _call(self, route: str, arg: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        files = self.server.files
        path = arg.get("path", "")
        if route == "files/list_folder" or route == "files/list_folder/continue":
            folder, _, start = arg.get("cursor", f"{path}|0").partition("|")
            entries, end = self.server.entries(folder), int(start) + PAGE
            if not entries:
                return missing(route)
            page = entries[int(start) : end]
            return 200, {"entries": page, "cursor": f"{folder}|{end}", "has_more": end < len(entries)}
        if path not in files:
            return missing(route)
        metadata = self.server.metadata(path)
        if route == "files/delete_v2":
            del files[path]
            return 200, {"metadata": metadata}
        if route == "files/get_temporary_link":
            return 200, {"metadata": metadata, "link": f"{self.server.url}/link{path}"}
        assert route == "files/get_metadata", route
        return 200, metadata

    def _content(self, route: str, arg: dict[str, Any], body: bytes) -> None:
        server = self.server
        if route == "files/download":
            if arg["path"] not in server.files:
                return self._json(*missing(route))
            metadata = json.dumps(server.metadata(arg["path"]))
            return self._send(200, server.files[arg["path"]][0], {"Dropbox-API-Result": metadata})
        if route == "files/upload":
            return self._json(200, server.store(arg["path"], body))
        if route == "files/upload_session/start":
            session = f"session-{len(server.sessions)}"
            server.sessions[session] = bytearray(body)
            return self._json(200, {"session_id": session})
        session = server.sessions[arg["cursor"]["session_id"]]
        assert arg["cursor"]["offset"] == len(session)
        session += body
        if route == "files/upload_session/append_v2":
            return self._send(200, b"null", {"Content-Type": "application/json"})
        assert route == "files/upload_session/finish", route
        return self._json(200, server.store(arg["commit"]["path"], bytes(session)))

    def _json(self, status: int, answer: dict[str, Any]) -> None:
        self._send(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
