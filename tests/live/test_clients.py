"""Programs that have nothing but the schema: a generated client, and one that tries everything that it allows."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.live.conftest import Server, StartServer

SCRIPTS = Path(sysconfig.get_path("scripts"))
ENVIRONMENT = os.environ | {"PATH": f"{SCRIPTS}:{os.environ['PATH']}"}

USE_OF_THE_CLIENT = """
import sys

from generated import AuthenticatedClient
from generated.api.snippets import (
    snippets_create, snippets_destroy, snippets_list, snippets_partial_update, snippets_raw_retrieve, snippets_retrieve,
    snippets_update,
)
from generated.models import CreatedSnippetRequest, PatchedSnippetDetailRequest, SnippetDetailRequest, VisibilityEnum

url, token = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True)

made = snippets_create.sync(client=client, body=CreatedSnippetRequest(code="x = 1\\n", title="By a generated client"))
assert made.owner == "demo" and made.edit_key is None and made.language == "python", made
ref = str(made.pk)

read = snippets_retrieve.sync_detailed(ref, client=client)
assert read.parsed.code == "x = 1\\n" and read.parsed.visibility == VisibilityEnum.PUBLIC, read
assert snippets_raw_retrieve.sync(ref, client=client) == "x = 1\\n"
assert made.pk in [row.pk for row in snippets_list.sync(client=client, q="generated").results]

changed = snippets_partial_update.sync(
    ref, client=client, body=PatchedSnippetDetailRequest(title="Changed"), if_match=read.headers["ETag"]
)
assert (changed.title, changed.code, changed.version) == ("Changed", "x = 1\\n", 2), changed
late = snippets_update.sync_detailed(
    ref, client=client, body=SnippetDetailRequest(code="x = 2\\n"), if_match=read.headers["ETag"]
)
assert late.status_code == 412, late
replaced = snippets_update.sync(ref, client=client, body=SnippetDetailRequest(code="x = 3\\n"))
assert replaced.code == "x = 3\\n", replaced

assert snippets_destroy.sync_detailed(ref, client=client).status_code == 204
assert snippets_retrieve.sync_detailed(ref, client=client).status_code == 404
print("done")
"""


def test_a_generated_client_creates_reads_lists_changes_and_deletes(server: Server, tmp_path: Path) -> None:
    generate = [SCRIPTS / "openapi-python-client", "generate", "--path", ROOT / "openapi.yaml", "--meta", "none"]
    subprocess.run(
        [*generate, "--output-path", tmp_path / "generated", "--fail-on-warning"], env=ENVIRONMENT, check=True
    )
    script = [sys.executable, "-c", USE_OF_THE_CLIENT, server.url, server.token]
    result = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout == "done\n", result.stderr


@pytest.fixture
def unlimited_server(start_server: StartServer, tmp_path: Path) -> Iterator[Server]:
    """One that answers all that is tried, however often: who shows a wrong password too often would get 429 for it."""
    limits = {"ANONYMOUS_POSTING_RATE": "off", "LOGIN_RATE": "off", "SIGN_UP_RATE": "off"}
    with start_server(tmp_path / "data", tmp_path / "server.log", **limits) as server:
        yield server


def test_schemathesis_finds_no_failure(unlimited_server: Server) -> None:
    server = unlimited_server
    command = [SCRIPTS / "schemathesis", "run", f"{server.url}/schema/", "--phases", "examples,coverage,fuzzing"]
    options = ["--max-examples", "25", "--header", f"Authorization: Bearer {server.token}", "--no-color"]
    result = subprocess.run([*command, *options], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-6000:]
