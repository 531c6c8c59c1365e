"""The API's description: committed, current, without warnings, and readable without the internet."""

import subprocess
import sys
from pathlib import Path

import yaml
from rest_framework.test import APIClient

from tests.conftest import ROOT


def test_the_committed_schema_is_the_one_that_is_generated(tmp_path: Path) -> None:
    generated = tmp_path / "openapi.yaml"
    command = [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", str(generated)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert generated.read_text() == (ROOT / "openapi.yaml").read_text(), "write it anew: make schema"


def test_the_server_shows_its_schema() -> None:
    response = APIClient().get("/schema/")
    assert response.status_code == 200
    assert yaml.safe_load(response.content)["paths"].keys() >= {"/snippets/", "/snippets/{ref}/", "/tokens/"}


def test_every_operation_takes_one_content_type() -> None:
    paths = yaml.safe_load((ROOT / "openapi.yaml").read_text())["paths"]
    bodies = {
        (path, method): list(operation["requestBody"]["content"])
        for path, operations in paths.items()
        for method, operation in operations.items()
        if "requestBody" in operation
    }
    uploads = {("/snippets/{ref}/attachments/", "post"), ("/users/me/avatar/", "put")}
    assert len(bodies) >= 7
    assert {operation for operation, types in bodies.items() if types == ["multipart/form-data"]} == uploads
    assert all(types == ["application/json"] for operation, types in bodies.items() if operation not in uploads)


def test_every_file_may_be_had_in_part_or_be_unchanged() -> None:
    paths = yaml.safe_load((ROOT / "openapi.yaml").read_text())["paths"]
    attachment = "/snippets/{ref}/attachments/{id}/"
    for path in (f"{attachment}content/", f"{attachment}preview/", "/users/{username}/avatar/"):
        assert {"200", "206", "302", "304", "404", "416", "503"} <= set(paths[path]["get"]["responses"]), path


def test_no_vocabulary_of_pygments_is_in_the_schema() -> None:
    """A client generated today must still read the languages of tomorrow."""
    schemas = yaml.safe_load((ROOT / "openapi.yaml").read_text())["components"]["schemas"]
    assert schemas["SnippetDetail"]["properties"]["language"] == {"type": "string", "maxLength": 50}


def test_the_page_of_the_documentation_loads_nothing_from_elsewhere() -> None:
    page = APIClient().get("/docs/", headers={"Accept": "text/html"}).content.decode()
    assert "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js" in page
    assert 'src="http' not in page
    assert 'href="http' not in page
