"""What the benchmarks calculate, and that the app they compare with is whole. tests/stack/ runs one."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import psycopg
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from benchmarks import arguments, chart, clients, corpus, databases, measuring, processes, report
from benchmarks.goals import RATIOS, Ratio, Spread, Verdict
from benchmarks.measuring import Contestant, Sample
from benchmarks.scenarios import GROUPS, Options
from benchmarks.servers import Server
from config import renewal
from snippets.models import Snippet
from tests.conftest import ROOT
from tests.servers import free_port

# As wrk has printed it, with a space after full seconds.
WRK = """Running 1s test @ http://127.0.0.1:41097/snippets/
  2 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   552.04ms  264.44ms   1.01s    42.86%
    Req/Sec     9.25      9.35    30.00     87.50%
  Latency Distribution
     50%  572.68ms
     75%  827.97ms
     90%  867.87ms
     99%    1.01s\x20
  14 requests in 1.02s, 371.82KB read
Requests/sec:     13.72
Transfer/sec:    364.29KB
"""
OPTIONS = Options(rounds=3, seconds=1, rows=50, small_rows=50, requests=100)


def test_what_wrk_says_is_read() -> None:
    assert measuring.parse(WRK) == measuring.Report(requests=14, rate=13.72, p50=572.68, p99=1010, errors=0)
    quick = WRK.replace("572.68ms", "812.00us").replace("1.01s \n", "2.50m \n")
    assert (measuring.parse(quick).p50, measuring.parse(quick).p99) == (0.812, 150_000)


def test_answers_that_are_none_are_errors() -> None:
    broken = WRK + "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 90\n"
    assert measuring.parse(broken).errors == 100


def test_something_else_is_not_taken_for_a_report() -> None:
    with pytest.raises(AssertionError, match="unable to connect"):
        measuring.parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_the_script_of_a_post() -> None:
    server = Server("http://127.0.0.1:1", ROOT, 0)
    post = Contestant("post", server, "/snippets/", headers={"Authorization": "Bearer x"}, body='{"code": "\\n]]"}')
    assert measuring.script(post) == (
        "wrk.headers[ [==[Authorization]==] ] = [==[Bearer x]==]\n"
        'wrk.method = "POST"\n'
        'wrk.body = [==[{"code": "\\n]]"}]==]\n'
    )


def test_the_order_is_reversed_every_other_round() -> None:
    server = Server("http://127.0.0.1:1", ROOT, 0)
    contestants = [Contestant(name, server, "/") for name in "ABC"]
    assert "".join(it.name for it in measuring.in_turn(contestants, 3)) == "ABCCBAABC"


def test_a_ratio_is_the_median_of_those_of_the_rounds() -> None:
    # The second round was slow for both, and the ratio of their medians would be 2.
    rates = {"cold": [100.0, 30.0, 100.0], "django": [50.0, 10.0, 20.0]}
    verdict = Ratio("cold", "django", 2.5, 4).verdict("json", rates, "SQLite")
    assert verdict.measured == Spread(median=3, low=2, high=5)
    assert (verdict.what, verdict.met, verdict.margin) == ("json: cold / django", True, pytest.approx(0.2))
    missed = Ratio("cold", "django", 2.5, 4).verdict("json", rates, "PostgreSQL")
    assert (missed.met, missed.margin) == (False, pytest.approx(-0.25))


@pytest.mark.parametrize(
    "measured, kind, limit, met, margin, share",
    [
        (4, "<=", 5, True, 0.2, 1.25),
        (10, "<=", 5, False, -1, 0.5),
        (5, ">=", 5, True, 0, 1),
        (0, "<=", 0, True, None, 1),
        (1, "<=", 0, False, None, 0),
        (1000, ">=", 5, True, 199, chart.LARGEST),
    ],
)
def test_goals(measured: float, kind: str, limit: float, met: bool, margin: float | None, share: float) -> None:
    verdict = Verdict("what", Spread.of([measured]), kind, limit)  # type: ignore[arg-type]
    assert (verdict.met, verdict.margin, chart.share(verdict)) == (met, margin, share)


@pytest.mark.parametrize("lost, met", [([0, 0, 0, 0, 0], True), ([0, 3, 0, 1, 0], False)])
def test_what_must_not_happen_happens_in_no_round(lost: list[float], met: bool) -> None:
    verdict = Verdict("lost", Spread.of(lost), "<=", 0)
    assert (verdict.met, chart.share(verdict)) == (met, float(met))
    assert Verdict("a search", Spread.of([4.0, 4.0, 6.0]), "<=", 5).met


def test_what_has_no_goal_is_neither_met_nor_missed() -> None:
    verdict = Verdict("what", Spread.of([1.0]), "<=", None)
    assert (verdict.met, verdict.margin) == (None, None)
    assert report.goals_table([verdict])[2:] == ["| what | 1 |  |  |"]


NONSENSE = [
    (["--rounds=0"], "--rounds: must be a whole number from 1, and is '0'"),
    (["--rounds=two"], "--rounds: must be a whole number from 1, and is 'two'"),
    (["--rows=999"], "--rows: must be 0 or a whole number from 1000, and is '999'"),
    (["--rows=-1"], "--rows: must be 0 or a whole number from 1000, and is '-1'"),
    (["--small-rows=99"], "--small-rows: must be a whole number from 100, and is '99'"),
    (["--requests=199"], "--requests: must be a whole number from 200, and is '199'"),
    (["--seconds=0"], "--seconds: must be a whole number from 1, and is '0'"),
    (["--seconds=1.5"], "--seconds: must be a whole number from 1, and is '1.5'"),
    (["--only=json,jason"], "--only: 'jason' is none of json, raw,"),
    (["--databases=mysql"], "--databases: 'mysql' is none of sqlite, postgresql"),
    (["--rows=0", "--only=deep,search"], "--only: without rows (--rows=0), nothing is left of deep, search"),
    (["--output=/dev/null/bench"], "--output: '/dev/null/bench' cannot be made: Not a directory"),
]


@pytest.mark.parametrize("given, message", NONSENSE, ids=lambda it: " ".join(it) if isinstance(it, list) else "")
def test_nonsense_is_refused_at_once(given: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        arguments.parse(given)
    assert f"error: argument {message}" in capsys.readouterr().err


def test_what_can_be_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    given = ["--only=search, json", "--databases=sqlite", "--rows=1000", "--small-rows=100", f"--output={folder}"]
    chosen = arguments.parse([*given, "--requests=200", "--seconds=1", "--rounds=1"])
    assert (chosen.only, chosen.databases, chosen.rows) == (["json", "search"], ["sqlite"], 1000)
    assert folder.is_dir()
    assert arguments.parse(["--rows=0", "--only=json,deep", "--databases=sqlite"]).only == ["json"]


def test_an_address_of_another_database_is_refused_where_postgresql_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://ann:secret@localhost/name")
    with pytest.raises(SystemExit, match="2"):
        arguments.parse([])
    said = capsys.readouterr().err
    assert "DATABASE_URL names no PostgreSQL" in said
    assert "secret" not in said
    assert arguments.parse(["--databases=sqlite"]).databases == ["sqlite"]


# Of what is not quoted in a password, psycopg takes a part for the host, or says what it cannot read.
@pytest.mark.parametrize(
    "address",
    [
        "ann:secret@127.0.0.1:1/name",
        "ann:secret@secret@127.0.0.1:1/name",
        "ann:1/secret@secret@127.0.0.1:1/name",
        "ann:secret secret@127.0.0.1:1/name",
        "ann@127.0.0.1:1/name?password=secret%secret",
    ],
)
def test_why_nobody_can_connect_is_one_line_without_the_password(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgres://{address}")
    with pytest.raises(SystemExit) as refused, databases.postgresql():
        pass
    said = str(refused.value)
    assert re.fullmatch("DATABASE_URL: .+", said)
    assert "secret" not in said


def test_why_nobody_can_connect_is_what_psycopg_says() -> None:
    port = free_port()
    url = f"postgres://ann:secret@127.0.0.1:{port}/name"
    with pytest.raises(psycopg.OperationalError) as refused:
        databases.PostgreSQL(url)
    assert databases.reason_of(refused.value, url).endswith(f"port {port} failed: Connection refused")


@pytest.mark.parametrize(
    "given, measured, whole",
    [
        ([], 2, True),
        ([], 1, False),
        (["--only=json"], 2, False),
        ([f"--only={','.join(reversed(GROUPS))}", "--rounds=6"], 2, True),
        (["--rows=100000"], 2, False),
        (["--rows=0"], 2, False),
        (["--rounds=4"], 2, False),
    ],
)
def test_only_a_whole_run_is_kept_with_the_code(
    given: list[str], measured: int, whole: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    expected = arguments.RESULTS if whole else arguments.KEPT
    assert arguments.output(arguments.parse(given), measured) == expected
    chosen = arguments.parse([*given, f"--output={tmp_path}"])
    assert arguments.output(chosen, measured) == tmp_path


def test_every_group_of_goals_is_measured() -> None:
    assert RATIOS.keys() <= GROUPS.keys()


def test_the_report_says_what_was_missed_and_what_failed(tmp_path: Path) -> None:
    samples = {"json": {"cold": [Sample(rate, 2.0, 9.0, 1.5, errors) for rate, errors in ((90, 0), (80, 3), (100, 0))]}}
    verdicts = [
        Verdict("json: cold / django", Spread.of([0.1, 0.15, 0.2]), ">=", 0.2),
        Verdict("a search <fast>", Spread.of([4.0]), "<=", 5, "ms"),
    ]
    text = report.write(tmp_path, OPTIONS, {"SQLite": report.Results(samples, verdicts)})
    assert "| json: cold / django | 0.15 (0.1 to 0.2) | >= 0.2 | **missed**, -25% |" in text
    assert "| a search <fast> | 4 ms | <= 5 ms | met, +20% |" in text
    assert "| json | cold | 90 (80 to 100) | 2 | 9 | 1.5 | **3** |" in text
    assert (tmp_path / "latest.md").read_text() == text
    goals = json.loads((tmp_path / "latest.json").read_text())["databases"]["SQLite"]["goals"]
    assert [goal["met"] for goal in goals] == [False, True]
    picture = ElementTree.parse(tmp_path / "latest.svg").getroot()  # noqa: S314 - our own
    assert "a search <fast>" in "".join(picture.itertext())


def test_memory_is_measured_in_the_unit_of_its_goal() -> None:
    megabytes = renewal.resident() / 10**6
    assert processes.memory(os.getpid()) == pytest.approx(megabytes, rel=0.02)  # one in MiB would be 5 % less


def _make_snippets(owner: User, count: int) -> None:
    newest = timezone.now()
    for age in range(count):
        Snippet.objects.create(owner=owner, code="x = 1\n", created=newest - timedelta(seconds=age))


def test_the_last_page_is_full_and_the_end_of_the_list(owner: User, anonymous: APIClient) -> None:
    _make_snippets(owner, 49)
    cursor = clients.last_cursor(lambda path: anonymous.get(path).content)
    last = anonymous.get(f"/snippets/?cursor={cursor}").json()
    oldest = Snippet.objects.order_by("created").values_list("pk", flat=True)[:20]
    assert [row["pk"] for row in last["results"]] == list(reversed(oldest))
    assert last["next"] is None


def test_without_a_full_last_page_there_is_none_to_measure(owner: User, anonymous: APIClient) -> None:
    _make_snippets(owner, 30)
    with pytest.raises(SystemExit, match="does not lead to the last 20 snippets"):
        clients.last_cursor(lambda path: anonymous.get(path).content)


def test_no_text_of_the_picture_lies_across_the_line_of_the_goals() -> None:
    verdicts = [Verdict("what", Spread.of([measured]), ">=", 1) for measured in (0.0, 0.79, 1, 1.5, 9)]
    picture = ElementTree.fromstring(chart.draw({"SQLite": verdicts, "PostgreSQL": verdicts}))  # noqa: S314 - our own
    lines = picture.findall("{*}line")
    goal = {float(line.attrib["x1"]) for line in lines}
    *values, note = picture.findall("{*}text[@class='small']")
    assert goal == {chart.LEFT + chart.GOAL}
    assert len(values) == 10
    assert min(float(value.attrib["x"]) for value in values) > chart.LEFT + chart.GOAL
    below = float(note.attrib["y"]) - chart.ROW / 2
    assert max(float(line.attrib["y2"]) for line in lines) <= below


def test_the_snippets_are_always_the_same_and_of_their_size() -> None:
    snippets = list(corpus.snippets(1001, 300))
    assert snippets == list(corpus.snippets(1001, 300))
    codes = [it["code"] for it in snippets]
    assert {len(code.encode()) for code in codes} == {300}
    assert all(corpus.COMMON in code for code in codes)
    assert sum(corpus.RARE in code for code in codes) == 1
    assert not any(corpus.ABSENT in it["code"] + it["title"] for it in snippets)


def test_the_textbook_is_whole() -> None:
    """Its migrations are what its models say."""
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": "sqlite://:memory:", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"]
    folder = ROOT / "benchmarks/textbook"
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
