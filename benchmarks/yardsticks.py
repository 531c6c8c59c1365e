"""What the service is compared with: nginx alone, a bare WSGI callable, a bare Django view, and the textbook's app."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from benchmarks import corpus, servers
from benchmarks.servers import TEXTBOOK, Server
from tests.nginx import own_folder

# What nginx says itself, whatever is behind it.
BY_NGINX = {"server", "date", "connection", "keep-alive", "transfer-encoding"}


def record(server: Server, folder: Path, paths: list[str]) -> None:
    """Keeps the service's answers, so that the yardsticks give the same."""
    folder.mkdir()
    index = {}
    for number, path in enumerate(paths):
        answer = httpx.get(server.url + path, headers={"Accept-Encoding": "identity"})
        answer.raise_for_status()
        headers = [(name, value) for name, value in answer.headers.multi_items() if name not in BY_NGINX]
        (folder / str(number)).write_bytes(answer.content)
        index[path] = {"headers": headers, "file": str(number)}
    (folder / "index.json").write_text(json.dumps(index))


def limit_path(path: str) -> str:
    """nginx takes an address that ends in a slash for a folder."""
    return f"/limit{path.rstrip('/')}"


def locations(answers: Path) -> str:
    """For nginx: the recorded answers as files, with the same headers."""
    lines = []
    for path, it in json.loads((answers / "index.json").read_text()).items():
        headers = dict(it["headers"])
        content_type = headers.pop("content-type")
        del headers["content-length"]
        headers["x-request-id"] = "$trace_id"
        lines += [f"location = {limit_path(path)} {{", f"  alias {answers / it['file']};", "  types {}"]
        # nginx's own would come beside those of the service.
        lines += ["  charset off;", "  etag off;", '  add_header Last-Modified "";']
        lines += [f'  default_type "{content_type}";']
        lines += [f"  add_header {name} {_quoted(value)};" for name, value in headers.items()]
        lines += ["}"]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    assert "$" not in value.replace("$trace_id", ""), value  # which nginx would take for a variable
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@contextmanager
def bare(folder: Path, nginx: Path, answers: Path) -> Iterator[dict[str, Server]]:
    """`limit`, `uwsgi` and `django`, which give the recorded answers."""
    paths = list(json.loads((answers / "index.json").read_text()))
    with ExitStack() as stack:

        def start(name: str, ready: str, **options: str) -> Server:
            environment = {"ANSWERS": str(answers)} | options
            return stack.enter_context(servers.yardstick(own_folder(folder / name), nginx, ready, **environment))

        yield {
            "limit": start("limit", limit_path(paths[0]), locations=locations(answers)),
            "uwsgi": start("uwsgi", paths[0], module="benchmarks.bare.callable:application"),
            "django": start("django", paths[0], module="benchmarks.bare.view:application"),
        }


@contextmanager
def textbook(folder: Path, nginx: Path, url: str, rows: int, size: int) -> Iterator[tuple[Server, str]]:
    """The textbook's app on a database of its own, filled with the same snippets; and a token of their owner."""
    own_folder(folder)
    environment = {"PATH": servers.PATH, "PYTHONDONTWRITEBYTECODE": "1", "DATABASE_URL": url}
    servers.run(["manage.py", "migrate", "-v0"], environment, TEXTBOOK)
    snippets = json.dumps(list(corpus.snippets(rows, size)))
    token = servers.run(["fill.py"], environment, TEXTBOOK, given=snippets).strip()
    options = {"module": "tutorial.wsgi:application", "DATABASE_URL": url}
    with servers.yardstick(folder, nginx, "/snippets/1/", cwd=TEXTBOOK, **options) as server:
        yield server, token
