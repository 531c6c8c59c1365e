"""What the README promises, on a server as `make run` starts it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.live.conftest import Server, StartServer, serve
from tests.servers import free_port, until

README = (ROOT / "README.md").read_text()
PNG = b"\x89PNG\r\n\x1a\n"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def _environment(server: Server, home: Path) -> dict[str, str]:
    """A reader's shell, in which a failing request stops the script."""
    (home / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
    httpie = home / "httpie"
    httpie.mkdir()
    (httpie / "config.json").write_text(json.dumps({"default_options": ["--check-status", "--ignore-stdin", "--body"]}))
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "HTTPIE_CONFIG_DIR": str(httpie),
        "URL": server.url,
        "TOKEN": server.token,
        "PASSWORD": server.password,
    }


def _run(*command: str, environment: dict[str, str], folder: Path) -> str:
    result = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def server(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the reader's own: the README counts on the demo as it was made."""
    folder = tmp_path_factory.mktemp("server")
    with start_server(folder / "data", folder / "server.log") as running:
        yield running


@pytest.fixture(scope="module")
def results(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """What each block printed, all run in order in one shell, and the folder that they ran in."""
    folder = tmp_path_factory.mktemp("reader")
    script = tmp_path_factory.mktemp("script") / "readme.sh"
    mark = "=== the next block ==="
    script.write_text(f"\nprintf '\\n%s\\n' '{mark}'\n".join(_blocks("sh")))
    environment = _environment(server, tmp_path_factory.mktemp("home"))
    output = _run("bash", "-euo", "pipefail", str(script), environment=environment, folder=folder)
    return output.split(mark), folder


def _json(results: tuple[list[str], Path], part: str) -> dict[str, object]:
    """The answer of the one block that has `part` in it."""
    [index] = [index for index, block in enumerate(_blocks("sh")) if part in block]
    answer: dict[str, object] = json.loads(results[0][index])
    return answer


def test_the_first_snippet_with_curl_and_httpie(results: tuple[list[str], Path]) -> None:
    posted = _json(results, r"print(\"hello\")")
    assert (posted["title"], posted["code"], posted["language"]) == ("Hello", 'print("hello")\n', "python")
    assert posted["owner"] == "demo"
    posted = _json(results, "puts ")
    assert (posted["code"], posted["language"], posted["owner"]) == ('puts "hello"', "ruby", "demo")


def test_the_upload_keeps_the_file_byte_for_byte(results: tuple[list[str], Path]) -> None:
    posted = _json(results, "--data-binary")
    assert (posted["filename"], posted["language"], posted["owner"]) == ("hello.rs", "rust", "demo")
    assert str(posted["code"]).encode() == (results[1] / "hello.rs").read_bytes()
    assert httpx.get(f"{posted['url']}raw/").content == (results[1] / "hello.rs").read_bytes()


def test_the_tokens_work(results: tuple[list[str], Path], server: Server) -> None:
    laptop, dashboard = _json(results, "name=laptop"), _json(results, "name=dashboard")
    assert (laptop["scope"], laptop["expires"]) == ("write", None)
    assert (dashboard["scope"], dashboard["expires"]) == ("read", "2099-01-01T00:00:00Z")
    for token, status in ((laptop["token"], 201), (dashboard["token"], 403)):
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{server.url}/users/me/", headers=headers).json()["username"] == "demo"
        assert httpx.post(f"{server.url}/snippets/", headers=headers, json={"code": "1"}).status_code == status


def test_the_unlisted_snippet_is_found_by_its_link_alone(results: tuple[list[str], Path], server: Server) -> None:
    unlisted = _json(results, '"unlisted"')
    assert unlisted["title"] == "Only with the link"
    assert httpx.get(str(unlisted["url"])).status_code == 200
    assert httpx.get(f"{server.url}/snippets/{unlisted['pk']}/").status_code == 404


def test_the_change_is_made_once(results: tuple[list[str], Path], server: Server) -> None:
    changed = _json(results, "If-Match")
    assert (changed["title"], changed["version"]) == ("Euclid", 2)
    stale = {"Authorization": f"Bearer {server.token}", "If-Match": '"1-00"'}
    answer = httpx.patch(f"{server.url}/snippets/1/", headers=stale, json={"title": "Lost"})
    assert answer.status_code == 412
    assert answer.text in README, "The README shows another message."


def test_the_edit_key_changes_and_deletes(results: tuple[list[str], Path]) -> None:
    changed = _json(results, "EDIT_KEY")
    assert (changed["title"], changed["owner"]) == ("Still anonymous", None)
    assert httpx.get(str(changed["url"])).status_code == 404


def test_the_searches_find(results: tuple[list[str], Path]) -> None:
    def titles(part: str) -> list[str]:
        rows = _json(results, part)["results"]
        assert isinstance(rows, list)
        return [row["title"] for row in rows]

    assert titles("?q=while+gcd") == ["Greatest common divisor"]  # restored
    assert titles("?language=js") == ["Debounce"]
    first = json.loads((results[1] / "page.json").read_text())
    assert len(first["results"]) == 2
    assert all(row["code"].startswith(row["excerpt"]) for row in first["results"])
    assert len(titles("page_size=2")) == 2
    assert _json(results, "page_size=2")["previous"]


def test_the_highlighted_files_are_what_they_should_be(results: tuple[list[str], Path]) -> None:
    folder = results[1]
    assert any("\x1b[" in output for output in results[0])
    assert (folder / "gcd.svg").read_text().startswith("<svg ")
    assert (folder / "gcd.png").read_bytes().startswith(PNG)
    assert "<title>Greatest common divisor</title>" in (folder / "gcd.html").read_text()


def test_python(server: Server, tmp_path: Path) -> None:
    [block] = _blocks("python")
    output = _run(sys.executable, "-c", block, environment=_environment(server, tmp_path), folder=tmp_path)
    assert re.fullmatch(r'http://\S+/snippets/\d+/ python\nprint\("hello"\)\n\n', output)


def test_javascript(server: Server, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed.")
    [block] = _blocks("js")
    (tmp_path / "first.mjs").write_text(block)
    output = _run(node, "first.mjs", environment=_environment(server, tmp_path), folder=tmp_path)
    assert re.fullmatch(r"http://\S+/snippets/\d+/ javascript\n", output)


def test_what_the_start_prints_is_what_the_readme_shows(server: Server) -> None:
    start = next(block for block in _blocks("console") if "make run" in block)
    said = server.log.read_text().replace(server.url, "http://127.0.0.1:8000")
    said = said.replace(server.password, "gZ7...").replace(server.token, "snip_Vb3...")
    shown = start.partition("$ make run\n")[2].partition("$ make test")[0].splitlines()
    for line in shown:
        if not line.startswith(("Installing", "...")):
            assert re.sub(r"(\.\.\.)/config.*| \.\.\.$", "", line) in said


def test_the_example_that_the_start_prints_works(server: Server, tmp_path: Path) -> None:
    command = server.log.read_text().partition("Try:\n")[2].partition("\n[uWSGI]")[0]
    environment = _environment(server, tmp_path)
    answer = json.loads(_run("bash", "-euc", command, environment=environment, folder=tmp_path))
    assert (answer["title"], answer["code"], answer["owner"]) == ("Hello", "print(42)\n", "demo")


def test_a_client_that_keeps_its_connections_loses_no_request(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        for _ in range(100):
            assert client.patch("/snippets/2/", json={"title": "Debounce"}).status_code == 200


def test_a_second_start_is_quick_and_makes_no_second_demo(
    tmp_path: Path, start_server: StartServer, own_database_url: str
) -> None:
    data = tmp_path / "data"
    with start_server(data, tmp_path / "first.log", DATABASE_URL=own_database_url) as first:
        count = httpx.get(f"{first.url}/snippets/").json()["count"]
    began = time.monotonic()
    with start_server(data, tmp_path / "second.log", DATABASE_URL=own_database_url) as second:
        assert time.monotonic() - began < 15
        assert not second.password
        assert httpx.get(f"{second.url}/snippets/").json()["count"] == count
        headers = {"Authorization": f"Bearer {first.token}"}
        assert httpx.get(f"{second.url}/users/me/", headers=headers).status_code == 200
        said = second.log.read_text()
    assert f"Try: curl {second.url}/snippets/" in said
    assert "Traceback" not in said


def _refusal(tmp_path: Path, data: Path, port: int) -> str:
    """The one line with which the server refuses to start."""
    process = serve(data, tmp_path / "refused.log", port)
    try:
        assert process.wait(timeout=60) != 0
    finally:
        if process.poll() is None:
            process.kill()
    [line] = (tmp_path / "refused.log").read_text().splitlines()
    return line


def test_a_taken_port_is_said_in_one_line(server: Server, tmp_path: Path) -> None:
    port = int(server.url.rpartition(":")[2])
    refusal = _refusal(tmp_path, tmp_path / "data", port)
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use." in refusal
    assert f"make run PORT={port + 1}" in refusal


def test_a_port_that_does_not_exist_is_said_in_one_line(tmp_path: Path) -> None:
    assert "99999" in _refusal(tmp_path, tmp_path / "data", 99999)


def test_a_folder_that_cannot_be_written_to_is_said_in_one_line(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    assert "DATA_DIR: cannot make the folder" in _refusal(tmp_path, in_the_way / "data", free_port())
    # /proc is there, and nobody can make a file in it, root included.
    assert "Cannot write to /proc: " in _refusal(tmp_path, Path("/proc"), free_port())


def test_the_log_has_the_paths_as_they_were_sent_and_no_queries(server: Server) -> None:
    httpx.get(f"{server.url}/snippets/?q=a-secret")
    httpx.get(f"{server.url}/snippets/1/%0aforged?q=a-secret")
    until(lambda: "GET /snippets/1/%0aforged 404" in server.log.read_text(), "The request was not logged.")
    said = server.log.read_text()
    assert "GET /snippets/ 200" in said
    assert "a-secret" not in said
