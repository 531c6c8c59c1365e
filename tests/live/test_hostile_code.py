"""Every lexer of Pygments with code made to keep it busy: nothing hangs, nothing fails, nobody else waits."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from snippets.languages import LANGUAGES
from tests.live.conftest import Server, StartServer

DEADLINE = 0.5  # seconds, for these tests' own server
GRACE = 0.5

SIZE = 4000
HOSTILE = {
    "blank lines": "x" + "\n" * SIZE + "x",
    "one line of blanks": "x" + " \t" * (SIZE // 2) + "x",
    "short lines": "a\n" * (SIZE // 2),
    "words on lines": "a b\n" * (SIZE // 4),
    "dotted names": "a." * (SIZE // 2) + "!",
    "one long name": "_" * SIZE,
    "digits": "0" * SIZE,
    "open brackets": "(a[{<" * (SIZE // 5),
    "escaped quotes without end": '"' + '\\"' * (SIZE // 2),
    "openers of everything": "(\"[\\'{<!--/*#{<?" * 20,
    "comments": "/* */" * 40,
    "a quote and blanks": '"' + " " * 40,
    "a traceback": '  File "a", line 1  File',
    "a comment": "<!--",
}


@dataclass
class Answer:
    language: str
    name: str
    status: int
    seconds: float
    outcome: str


@pytest.fixture(scope="module")
def quick_server(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("quick")
    with start_server(folder / "data", folder / "server.log", HIGHLIGHT_TIMEOUT=str(DEADLINE)) as server:
        yield server


@pytest.fixture(scope="module")
def hostile_snippets(quick_server: Server) -> dict[str, int]:
    """The number of each hostile snippet."""
    headers = {"Authorization": f"Bearer {quick_server.token}"}
    with httpx.Client(base_url=quick_server.url, headers=headers) as client:
        return {
            name: client.post("/snippets/", json={"code": code, "title": name}).raise_for_status().json()["pk"]
            for name, code in HOSTILE.items()
        }


def highlight(client: httpx.Client, number: int, language: str, name: str) -> Answer:
    start = time.monotonic()
    response = client.get(f"/snippets/{number}/highlight/", params={"language": language, "format": "fragment"})
    assert '<div class="highlight">' in response.text
    seconds = time.monotonic() - start
    return Answer(language, name, response.status_code, seconds, response.headers["X-Highlighted"])


class Honest(threading.Thread):
    """Somebody who reads other snippets meanwhile."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.stop = threading.Event()
        self.answers: list[tuple[str, int, bool, float]] = []

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as client:
            while not self.stop.wait(0.1):
                for path in ("/snippets/1/", "/snippets/1/raw/", "/snippets/1/highlight/", "/snippets/"):
                    start = time.monotonic()
                    response = client.get(path)
                    coloured = response.headers.get("X-Highlighted", "true") == "true"
                    self.answers.append((path, response.status_code, coloured, time.monotonic() - start))


def test_no_lexer_and_no_code_delay_an_answer(quick_server: Server, hostile_snippets: dict[str, int]) -> None:
    httpx.get(f"{quick_server.url}/snippets/1/highlight/").raise_for_status()
    honest = Honest(quick_server.url)
    honest.start()
    pairs = [(language.alias, name) for language in LANGUAGES for name in HOSTILE]
    with httpx.Client(base_url=quick_server.url, timeout=30) as client, ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda pair: highlight(client, hostile_snippets[pair[1]], *pair), pairs))
        honest.stop.set()
        honest.join()
        late = [answer for answer in answers if answer.seconds > DEADLINE + GRACE]
        # The machine may have been busy with something else: what is late twice is late. Each pair is asked anew under
        # another name of the code, since the first outcome is remembered.
        again = [retry(quick_server, client, answer) for answer in late]

    assert len(answers) > 5000
    assert {answer.status for answer in answers} == {200}
    assert sum(answer.outcome == "false; reason=timeout" for answer in answers) > 30, "this code is not hostile enough"
    assert [answer for answer in again if answer.seconds > DEADLINE + GRACE] == []
    assert len(honest.answers) > 100
    assert [answer for answer in honest.answers if answer[1] != 200 or not answer[2]] == []


def retry(server: Server, client: httpx.Client, answer: Answer) -> Answer:
    headers = {"Authorization": f"Bearer {server.token}"}
    code = HOSTILE[answer.name] + "\n"
    number = client.post("/snippets/", json={"code": code}, headers=headers).raise_for_status().json()["pk"]
    return highlight(client, number, answer.language, answer.name)


def test_what_did_not_end_in_time_is_plain_and_says_so_and_is_remembered(
    quick_server: Server, hostile_snippets: dict[str, int]
) -> None:
    with httpx.Client(base_url=quick_server.url, timeout=30) as client:
        path = f"/snippets/{hostile_snippets['a comment']}/highlight/"
        first = client.get(path, params={"language": "mcschema"})
        assert first.headers["X-Highlighted"] == "false; reason=timeout"
        assert "ETag" not in first.headers
        assert "highlighting it takes too long" in first.text
        start = time.monotonic()
        again = client.get(path, params={"language": "mcschema", "linenos": "true", "format": "svg"})
        assert again.headers["X-Highlighted"] == "false; reason=timeout"
        assert time.monotonic() - start < DEADLINE
