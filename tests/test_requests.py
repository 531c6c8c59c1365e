"""What holds for every request, below the views: the scheme, the framing, the spelling of addresses."""

import json
from io import BytesIO
from wsgiref.util import setup_testing_defaults

import pytest
from rest_framework.test import APIClient

from config.wsgi import application
from snippets.models import Snippet


def ask(**environ: str) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of what the server answers to this WSGI environment."""
    asked: dict[str, object] = {"PATH_INFO": "/", "wsgi.input": BytesIO(), **environ}
    setup_testing_defaults(asked)
    seen: list[tuple[str, dict[str, str]]] = []
    body = b"".join(application(asked, lambda status, headers, *_: seen.append((status, dict(headers)))))
    return *seen[0], body


@pytest.mark.parametrize("scheme", ["https", "javascript", 'x"><script>'])
@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_SSL"])
def test_a_client_does_not_say_which_scheme_it_uses(header: str, scheme: str, transactional_db: None) -> None:
    """uWSGI puts what these headers say into `wsgi.url_scheme`."""
    _, _, body = ask(**{header: scheme, "wsgi.url_scheme": scheme})
    assert json.loads(body)["snippets"] == "http://127.0.0.1/snippets/"


def test_the_server_says_which_scheme_it_uses(transactional_db: None) -> None:
    assert b'"https://' in ask(**{"wsgi.url_scheme": "https", "HTTPS": "on", "HTTP_X_FORWARDED_PROTO": "http"})[2]
    assert b'"https://' in ask(**{"wsgi.url_scheme": "https"})[2]


@pytest.mark.parametrize("length", [{}, {"CONTENT_LENGTH": "13"}])
def test_a_chunked_body_is_refused_with_and_without_a_length(length: dict[str, str], as_owner: APIClient) -> None:
    response = as_owner.generic(
        "POST", "/snippets/", b"3\r\nabc\r\n0\r\n\r\n", HTTP_TRANSFER_ENCODING="chunked", **length
    )
    assert response.status_code == 411
    assert not Snippet.objects.exists()


def test_an_unknown_host_is_refused_in_json(anonymous: APIClient) -> None:
    response = anonymous.get("/snippets/", headers={"Host": "evil.example.org"})
    assert (response.status_code, response.json()) == (400, {"detail": "Unknown Host."})


@pytest.mark.parametrize("path", ["/nonsense", "/nonsense/", "/snippets/1/nonsense/", "/admin/nonsense/", "/"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "FOO"])
def test_no_address_answers_anything_but_json(anonymous: APIClient, method: str, path: str) -> None:
    response = anonymous.generic(method, path)
    assert response.status_code in (200, 404, 405)
    assert response["Content-Type"] == "application/json"


def test_the_documentation_is_for_reading(anonymous: APIClient) -> None:
    assert {anonymous.generic(method, "/docs/").status_code for method in ("OPTIONS", "POST", "DELETE")} == {405}


def test_a_blank_filter_matches_nothing_it_was_not_meant_to(anonymous: APIClient, snippet: Snippet) -> None:
    for name in ("q", "owner", "language", "visibility"):
        response = anonymous.get(f"/snippets/?{name}=%20")
        assert (response.status_code, list(response.json())) == (400, [name])


def test_a_file_name_cannot_turn_its_direction(as_owner: APIClient) -> None:
    response = as_owner.post("/snippets/", {"code": "x", "filename": "a\u202egpj.exe"})
    assert (response.status_code, list(response.json())) == (400, ["filename"])


def test_only_if_there_were_nothing_yet(as_owner: APIClient, snippet: Snippet) -> None:
    response = as_owner.put(f"/snippets/{snippet.pk}/", {"code": "x"}, headers={"If-None-Match": "*"})
    assert response.status_code == 412
