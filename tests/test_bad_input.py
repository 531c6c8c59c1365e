"""Whatever is sent, the answer says in JSON what is wrong with it, and nothing is stored."""

import json
from collections.abc import Iterable
from io import BytesIO
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from config.wsgi import application
from snippets.models import Snippet

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PLAIN = "text/plain"
MULTIPART = "multipart/form-data; boundary=cut"

LONG = "x" * 600 * 1024  # longer than code may be
BEYOND = 4 * 1024 * 1024  # bytes; more than a body may have
DEEP = 5000


class Bad(NamedTuple):
    """Requests that differ in their method alone, and what each is answered; `names` is the key of the answer."""

    what: str
    requests: tuple[str, ...]
    body: bytes | str | dict[str, Any]
    media_type: str
    status: int
    name: str


WRITES = ("POST /snippets/", "PUT /snippets/{pk}/", "PATCH /snippets/{pk}/")


def bad_query(address: str, queries: Iterable[tuple[str, str]], status: int = 400) -> list[Bad]:
    """GETs of an address, each with a query and the name in the answer."""
    return [
        Bad(f"{address}?{query[:60]}", (f"GET {address}?{query}",), "", "", status, name) for query, name in queries
    ]


def bad_body(media_type: str, bodies: Iterable[tuple[str, bytes | str, int, str]]) -> list[Bad]:
    """Bodies that are refused wherever a snippet is written."""
    return [
        Bad(f"{media_type[:20]} {what}", WRITES, body, media_type, status, name) for what, body, status, name in bodies
    ]


def bad_fields(requests: tuple[str, ...], required: dict[str, Any], fields: Iterable[tuple[str, Any]]) -> list[Bad]:
    """JSON objects that have one bad field, which the answer names."""
    return [Bad(f"{name}={value!r:.40}", requests, required | {name: value}, JSON, 400, name) for name, value in fields]


def everywhere(values: Iterable[Any], *names: str) -> list[tuple[str, Any]]:
    return [(name, value) for name in names for value in values]


def part(name: str, value: bytes, *more: str) -> bytes:
    """One part of a multipart body."""
    lines = [f'Content-Disposition: form-data; name="{name}"', *more]
    return b"--cut\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + value + b"\r\n"


END = b"--cut--\r\n"

NO_TEXT = [1, 1.5, True, ["x"], {"a": "x"}, None]
UNPRINTABLE = ["a\0b", "a\ud800b", "\udfff"]

FIELDS = [
    *everywhere(
        [*NO_TEXT, *UNPRINTABLE], "title", "code", "language", "style", "filename", "description", "visibility"
    ),
    *everywhere(["true", "yes", "", 1, 0, None, [], [True], {}], "linenos"),
    *everywhere(["a\nb", "a\rb", "a\u2028b", "a\x1b[31mb", "x" * 201, "é" * 201], "title"),
    *everywhere(["", " ", "\n\t \r\n", LONG, "é" * 300 * 1024], "code"),
    *everywhere(["no-such-language", "Python", "x" * 51, "x" * 10_000], "language"),
    *everywhere(["no-such-style", "Friendly", "../friendly", "x" * 10_000], "style"),
    *everywhere(["", "PUBLIC", "secret", "public ", "x" * 10_000], "visibility"),
    *everywhere(["a/b", "/etc/passwd", "a\\b", ".", "..", "a\nb", "x" * 256, "x" * 300, "é" * 150], "filename"),
    *everywhere(["x" * 5001], "description"),
    *[(name, "x") for name in ("visibilty", "Title", "code ", "edit-key", "edit_key_digest", "owner_id", "id", "")],
]

WITH_CODE = {"code": "x = 1\n"}
BAD_FIELDS = bad_fields(WRITES, WITH_CODE, FIELDS)

BAD_JSON = bad_body(
    JSON,
    [
        ("list", "[]", 400, "non_field_errors"),
        ("list of objects", '[{"code": "x"}]', 400, "non_field_errors"),
        ("string", '"s"', 400, "non_field_errors"),
        ("number", "1", 400, "non_field_errors"),
        ("null", "null", 400, "non_field_errors"),
        ("nothing but blanks", "  ", 400, "detail"),
        ("no JSON", "code=x", 400, "detail"),
        ("half a JSON", '{"code": "x', 400, "detail"),
        ("two JSONs", '{"code": "x"}{"code": "y"}', 400, "detail"),
        ("trailing comma", '{"code": "x",}', 400, "detail"),
        ("byte order mark", '\ufeff{"code": "x"}', 400, "detail"),
        ("a name twice", '{"code": "x", "code": "y"}', 400, "detail"),
        ("a name twice, further down", '{"code": {"a": 1, "a": 2}}', 400, "detail"),
        ("NaN", '{"code": "x", "title": NaN}', 400, "detail"),
        ("Infinity", '{"code": "x", "title": Infinity}', 400, "detail"),
        ("minus Infinity", '{"code": "x", "title": -Infinity}', 400, "detail"),
        ("1e400", '{"code": "x", "title": 1e400}', 400, "title"),
        ("5,000 digits", '{"code": "x", "title": ' + "1" * 5000 + "}", 400, "detail"),
        ("100,000 brackets", "[" * 100_000, 400, "detail"),
        ("half an object, deeply", '{"a":' * DEEP, 400, "detail"),
        ("surrogate as a name", '{"code": "x", "\\ud800": 1}', 400, "detail"),
        ("control character as a name", '{"code": "x", "\\u0000": 1}', 400, "detail"),
        ("control character in a string", '{"code": "x\ny"}', 400, "detail"),
        ("invalid UTF-8", b'{"code": "\xff"}', 400, "detail"),
        ("surrogate as UTF-8", b'{"code": "\xed\xa0\x80"}', 400, "detail"),
        ("UTF-16", '{"code": "x"}'.encode("utf-16"), 400, "detail"),
        ("too much", '{"code": "' + "x" * BEYOND + '"}', 413, "detail"),
    ],
)

BAD_FORMS = bad_body(
    FORM,
    [
        ("unknown field", "code=x&visibilty=private", 400, "visibilty"),
        ("a field twice", "code=x&title=a&title=b", 400, "title"),
        ("code twice", "code=x&code=y", 400, "code"),
        ("surrogate as UTF-8", "code=%ED%A0%80", 400, "detail"),
        ("invalid UTF-8", "code=%FF", 400, "detail"),
        ("invalid UTF-8, not even quoted", b"code=\xff", 400, "detail"),
        ("invalid UTF-8 as a name", "code=x&%FF=1", 400, "detail"),
        ("NUL in code", "code=a%00b", 400, "code"),
        ("NUL in title", "code=x&title=a%00b", 400, "title"),
        ("no boolean", "code=x&linenos=maybe", 400, "linenos"),
        ("no visibility", "code=x&visibility=", 400, "visibility"),
        ("unknown visibility", "code=x&visibility=secret", 400, "visibility"),
        ("unknown language", "code=x&language=nonsense", 400, "language"),
        ("blank code", "code=%20%0A", 400, "code"),
        ("long code", f"code={LONG}", 400, "code"),
        ("path as file name", "code=x&filename=a%2Fb", 400, "filename"),
        ("too many fields", "code=x&" + "&".join(f"f{number}=" for number in range(201)), 400, "detail"),
        ("too much", "code=" + "x" * BEYOND, 413, "detail"),
    ],
)

BAD_MULTIPART = bad_body(
    MULTIPART,
    [
        ("no parts", END, 400, "detail"),
        ("nothing that looks like a part", b"hello", 400, "detail"),
        ("cut within a part", part("code", b"abc")[:-2], 400, "detail"),
        ("cut after a part", part("title", b"abc") + b"--cut\r\nContent-Dispo", 400, "detail"),
        ("cut before the end", part("code", b"abc"), 400, "detail"),
        ("unknown field", part("code", b"x") + part("visibilty", b"private") + END, 400, "visibilty"),
        ("unknown file", part("code", b"x") + part("codes", b"x", "Content-Type: text/plain") + END, 400, "codes"),
        ("a field twice", part("code", b"x") + part("code", b"y") + END, 400, "code"),
        ("invalid UTF-8", part("code", b"\xff") + END, 400, "detail"),
        ("invalid UTF-8 in base64", part("code", b"/w==", "Content-Transfer-Encoding: base64") + END, 400, "detail"),
        (
            "parts of another boundary",
            part("code", b"x").replace(b"cut", b"c") + END.replace(b"cut", b"c"),
            400,
            "detail",
        ),
        ("NUL", part("code", b"a\0b") + END, 400, "code"),
        ("NUL in title", part("code", b"x") + part("title", b"a\0b") + END, 400, "title"),
        ("no visibility", part("code", b"x") + part("visibility", b"") + END, 400, "visibility"),
        ("long code", part("code", LONG.encode()) + END, 400, "code"),
        ("too many fields", b"".join(part(f"f{number}", b"") for number in range(201)) + END, 400, "detail"),
        ("too much", part("code", b"x" * BEYOND) + END, 413, "detail"),
    ],
)

BAD_PLAIN = bad_body(
    PLAIN,
    [
        ("invalid UTF-8", b"\xff", 400, "detail"),
        ("surrogate as UTF-8", b"\xed\xa0\x80", 400, "detail"),
        ("NUL", "a\0b", 400, "code"),
        ("blank", "\n", 400, "code"),
        ("long", LONG, 400, "code"),
        ("too much", "x" * BEYOND, 413, "detail"),
    ],
)

BAD_PLAIN_QUERIES = [
    Bad(f"text/plain ?{query}", tuple(f"{write}?{query}" for write in WRITES), body, PLAIN, 400, name)
    for query, body, name in (
        ("code=x", "y", "code"),
        ("visibilty=private", "x", "visibilty"),
        ("visibility=", "x", "visibility"),
        ("visibility=secret", "x", "visibility"),
        ("title=a&title=b", "x", "title"),
        ("title=a%00b", "x", "title"),
        ("title=%ED%A0%80", "x", "detail"),
        ("title=%FF", "x", "detail"),
        ("filename=a%2Fb", "x", "filename"),
        ("linenos=maybe", "x", "linenos"),
        ("language=pyhton", "x", "language"),
        ("q=x", "x", "q"),
        ("page=1", "x", "page"),
    )
]

BAD_MEDIA_TYPES = [
    Bad(f"Content-Type: {media_type}", (*WRITES, *more), '{"code": "x"}', media_type, 415, "detail")
    for media_type, *more in (
        ("application/json; charset=utf-16", "POST /snippets/?title=%C3%A9%FF%00"),
        ("application/json; charset=nosuch", "POST /snippets/?title=%C3%A9%FF%00"),
        ("application/json; charset=utf-7", "POST /snippets/?title=%2BAOk-"),
        ("application/json; charset=iso-8859-1", "POST /snippets/?title=%E9"),
        ("application/json; charset=bz2_codec",),
        ('application/json; charset="zlib_codec"',),
        ("text/plain; charset=utf-16", "POST /snippets/?title=%C3%A9%FF%00"),
        ("text/plain; charset=bz2_codec",),
        ("multipart/form-data; boundary=cut; charset=nosuch",),
        ("application/x-www-form-urlencoded; charset=nosuch",),
        ("application/xml",),
        ("application/octet-stream",),
        ("text/html",),
        ("text/plainly",),
        ("text/plainly", "POST /snippets/?format=json"),
        ("nonsense",),
        ("",),
    )
]

BAD_REQUESTS = [
    Bad(
        "multipart without boundary",
        ("POST /snippets/",),
        part("code", b"x") + END,
        "multipart/form-data",
        400,
        "detail",
    ),
    Bad("multipart, boundary é", ("POST /snippets/",), END, "multipart/form-data; boundary=é", 400, "detail"),
    Bad("POST an empty body", ("POST /snippets/",), "", JSON, 400, "code"),
    Bad("PUT an empty body", ("PUT /snippets/{pk}/",), "", JSON, 400, "code"),
    Bad("POST an empty form", ("POST /snippets/",), "", FORM, 400, "code"),
    Bad("POST an empty text", ("POST /snippets/",), "", PLAIN, 400, "code"),
    Bad("POST a title without text", ("POST /snippets/?title=a",), "", PLAIN, 400, "code"),
    Bad("PATCH a title without text", ("PATCH /snippets/{pk}/?title=a",), "", PLAIN, 400, "code"),
    Bad("POST JSON with a query", ("POST /snippets/?visibilty=private",), WITH_CODE, JSON, 400, "visibilty"),
    Bad(
        "POST JSON with fields in the query",
        ("POST /snippets/?visibility=private",),
        WITH_CODE,
        JSON,
        400,
        "visibility",
    ),
    Bad("POST a form with fields in the query", ("POST /snippets/?title=a",), "code=x", FORM, 400, "title"),
    Bad("PATCH JSON with a query", ("PATCH /snippets/{pk}/?title=a",), {"title": "b"}, JSON, 400, "title"),
    Bad("DELETE with a query", ("DELETE /snippets/{pk}/?force=1",), "", "", 400, "force"),
    Bad("DELETE with a query and a text", ("DELETE /snippets/{pk}/?force=1",), "x", PLAIN, 400, "force"),
    Bad("FOO the list", ("FOO /snippets/",), "", "", 405, "detail"),
    Bad("FOO a snippet", ("FOO /snippets/{pk}/",), "", "", 405, "detail"),
    Bad("FOO the highlighted code", ("FOO /snippets/{pk}/highlight/",), "", "", 405, "detail"),
    Bad("DELETE the list", ("DELETE /snippets/",), "", "", 405, "detail"),
    Bad("POST to a snippet", ("POST /snippets/{pk}/",), WITH_CODE, JSON, 405, "detail"),
    Bad("PUT the code", ("PUT /snippets/{pk}/raw/",), "x", PLAIN, 405, "detail"),
]

TOO_DEEP = "1"
for _ in range(DEEP):
    TOO_DEEP = '{"a":' + TOO_DEEP + "}"

NO_NUMBERS = ("0", "-1", "abc", "1.0", "%201", "1e3", "100000000000000000000", "%D9%A3", "1" * 5000, "", "1%00")

BAD_LISTS = [
    *bad_query("/snippets/", [(f"page={text}", "page") for text in NO_NUMBERS]),
    *bad_query("/snippets/", [(f"page_size={text}", "page_size") for text in (*NO_NUMBERS, "101", "1000000000")]),
    *bad_query("/users/", [(f"page={text}", "page") for text in NO_NUMBERS]),
    *bad_query("/tokens/", [(f"page_size={text}", "page_size") for text in NO_NUMBERS]),
    *bad_query("/snippets/", [("page=2", "detail"), ("page=500", "detail")], 404),
    *bad_query(
        "/snippets/",
        [
            ("page=501", "page"),
            ("include=nonsense", "include"),
            ("include=", "include"),
            ("include=code,excerpt", "include"),
            ("include=code&page_size=50", "page_size"),
            ("page=1&page=2", "page"),
            ("q=aaa&q=bbb", "q"),
            ("visibilty=public", "visibilty"),
            ("title=a", "title"),
            ("owner__password=a", "owner__password"),
            ("%00=1", "\0"),
            ("x" * 1000 + "=1", "x" * 100),
            ("&".join(f"a{number}=" for number in range(300)), "detail"),
            ("q=a%00b", "q"),
            ("owner=a%00b", "owner"),
            ("created_after=%00", "created_after"),
            ("ordering=title%00", "ordering"),
            ("cursor=%00", "cursor"),
            ("include=code%00", "include"),
            ("format=nonsense", "format"),
            ("format=html", "format"),
            ("format=json%00", "format"),
            ("q=%FF", "detail"),
            ("q=%ED%A0%80", "detail"),
            ("%FF=1", "detail"),
            *[(f"{name}=", name) for name in ("q", "language", "owner", "visibility", "created_after", "ordering")],
        ],
    ),
]

BAD_FILTERS = bad_query(
    "/snippets/",
    [
        ("q=" + "x" * 201, "q"),
        ("q=" + "+".join(["abc"] * 11), "q"),
        ("q=%26%26", "q"),
        ("q=abc+-", "q"),
        ("q=_", "q"),
        ("q=%F0%9F%98%80", "q"),
        *[
            (f"ordering={text}", "ordering")
            for text in ("size", "owner__password", ";drop", "--title", "title,pk", "?", "pk")
        ],
        *[(f"language={text}", "language") for text in ("nonsense", "Python", "x" * 1000)],
        *[(f"visibility={text}", "visibility") for text in ("secret", "PUBLIC", "public,private")],
        *[(f"owner={text}", "owner") for text in ("nobody", "x" * 5000, "%F0%9F%98%80")],
        *[
            (f"{name}={text}", name)
            for name in ("created_after", "created_before")
            for text in (
                "nonsense",
                "0000-00-00",
                "2026-02-30",
                "2026-13-01T00:00:00Z",
                "2026-01-01T25:00:00Z",
                "100000000000000000000",
                "10^20",
                "-1",
                "9999-12-31T23:59:59-14:00",
                "0001-01-01T00:00:00%2B14:00",
            )
        ],
    ],
)

BAD_CURSORS = bad_query(
    "/snippets/",
    [
        *[(f"cursor={text}", "cursor") for text in ("", "nonsense", "a:b:c", "cD1hYmM=", "%C3%A9", "x" * 5000)],
        ("page=1&cursor=nonsense", "page"),
    ],
)

BAD_HIGHLIGHTS = bad_query(
    "/snippets/{pk}/highlight/",
    [
        *[
            (f"hl_lines={text}", "hl_lines")
            for text in (
                "0",
                "5-3",
                "a",
                "1-99999",
                "",
                "1,,2",
                "1-",
                "-1",
                "1-2-3",
                "1%202",
                "99999999",
                "%D9%A1",
                "1%0a",
            )
        ],
        ("hl_lines=" + ",".join(map(str, range(1, 102))), "hl_lines"),
        *[(f"linenostart={text}", "linenostart") for text in ("-1", "1000000000", "a", "", "1.5", "1" * 5000, "NaN")],
        *[(f"linenos={text}", "linenos") for text in ("maybe", "", "2")],
        *[(f"language={text}", "language") for text in ("nonsense", "", "x" * 1000, "%00", "Python")],
        *[(f"style={text}", "style") for text in ("nonsense", "", "x" * 1000, "%00", "Friendly")],
        *[(f"{name}=1", name) for name in ("title", "full", "prestyles", "cssfile", "font_name", "tabsize", "code")],
        ("linenos=1&linenos=1", "linenos"),
        ("format=nonsense", "format"),
        ("format=json", "format"),
        ("format=", "format"),
        ("format=ansi&hl_lines=1", "hl_lines"),
        ("format=latex&hl_lines=1", "hl_lines"),
    ],
)

NO_SNIPPETS = [
    "/snippets/0/",
    "/snippets/007/",
    "/snippets/99999999999999999999/",
    "/snippets/9223372036854775807/",
    "/snippets/9223372036854775808/",
    "/snippets/-1/",
    "/snippets/abc/",
    "/snippets/ABCDEFGHIJKLMNOPQRSTUV/",
    "/snippets/1111111111111111111111/",
    "/snippets/%D9%A1/",
    "/snippets/1%0a/",
    "/snippets/{pk}%0a/",
    "/snippets/{pk}%00/",
    "/snippets/%FF/",
    "/snippets/{pk}.json",
    "/snippets/ABCDEFGHIJKLMNOPQRST%C3%A9/",
]
NO_ADDRESSES = ["/snippets/{pk}//", "/snippets/{pk}/nonsense/", "/snippets/{pk}/highlight.%C3%A9", "/nonsense", "/%00/"]
BAD_ADDRESSES = [
    Bad(address, tuple(f"{method} {address}" for method in methods), "", "", 404, "detail")
    for methods, addresses in (
        (("GET", "PATCH", "PUT", "DELETE"), NO_SNIPPETS),
        (("GET",), [f"{address}{ending}" for address in NO_SNIPPETS[:9] for ending in ("raw/", "highlight/")]),
        (("GET", "POST"), NO_ADDRESSES),
    )
    for address in addresses
]

BAD_ELSEWHERE = [
    *bad_query("/snippets/{pk}/", [("page=1", "page"), ("q=abc", "q"), ("format=nonsense", "format"), ("a=%00", "a")]),
    *bad_query("/snippets/{pk}/raw/", [("a=1", "a"), ("language=python", "language")]),
    *bad_query("/snippets/{pk}/highlight.exe", [("", "format")]),
    *bad_query("/styles/nonsense.css", [("", "detail")], 404),
    *bad_query("/languages/", [("q=a", "q")]),
    *bad_query("/styles/", [("page=2", "page")]),
    *bad_query("/", [("a=1", "a")]),
]

TOKEN_FIELDS = [
    *everywhere([*NO_TEXT, *UNPRINTABLE, "", " ", "x" * 101], "name"),
    *everywhere([*NO_TEXT, *UNPRINTABLE, "", "admin", "WRITE"], "scope"),
    *everywhere([1, 1.5, True, [], {}, *UNPRINTABLE], "expires"),
    *everywhere(["nonsense", "0000-00-00", "2020-01-01T00:00:00Z", "2026-13-01T00:00:00Z"], "expires"),
    *everywhere(["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", 10**20], "expires"),
    *[(name, "x") for name in ("scop", "user", "digest", "Name")],
]
BAD_TOKENS = [
    *bad_fields(("POST /tokens/",), {"name": "laptop"}, TOKEN_FIELDS),
    Bad("a token without a name", ("POST /tokens/",), {}, JSON, 400, "name"),
    Bad("a list as a token", ("POST /tokens/",), "[]", JSON, 400, "non_field_errors"),
    Bad("a token of too many fields", ("POST /tokens/",), "a=&" * 201, FORM, 400, "detail"),
    Bad("a token as text", ("POST /tokens/",), "laptop", PLAIN, 415, "detail"),
    Bad("a token with a query", ("POST /tokens/?expires=never",), {"name": "laptop"}, JSON, 400, "expires"),
    Bad("a token's number too large", ("GET /tokens/99999999999999999999/",), "", "", 404, "detail"),
    Bad("no token's number", ("GET /tokens/abc/",), "", "", 404, "detail"),
]

# Each table is asked in one test.
BODIES = {
    "fields": BAD_FIELDS,
    "JSON": BAD_JSON,
    "forms": BAD_FORMS,
    "multipart": BAD_MULTIPART,
    "text": [*BAD_PLAIN, *BAD_PLAIN_QUERIES],
    "media types": BAD_MEDIA_TYPES,
    "requests": BAD_REQUESTS,
}
QUERIES = {
    "lists": BAD_LISTS,
    "filters": [*BAD_FILTERS, *BAD_CURSORS],
    "highlights": BAD_HIGHLIGHTS,
    "addresses": BAD_ADDRESSES,
    "elsewhere": BAD_ELSEWHERE,
}


def each(tables: dict[str, list[Bad]]) -> Any:
    return pytest.mark.parametrize("table", tables.values(), ids=tables)


@pytest.fixture
def in_session(owner: User) -> APIClient:
    client = APIClient()
    client.force_login(owner)
    return client


def assert_refused(response: HttpResponse, status: int, name: str) -> dict[str, Any]:
    """The error; `name` is its only key."""
    assert response.status_code == status, response.content[:300]
    assert response["Content-Type"] == "application/json"
    error = response.json()
    assert isinstance(error, dict)
    assert list(error) == [name]
    return error


def stored() -> list[dict[str, Any]]:
    return [*Snippet.objects.order_by("pk").values(), *ApiToken.objects.order_by("pk").values("pk", "name")]


def assert_each_refused(client: APIClient, table: list[Bad], snippet: Snippet, subtests: pytest.Subtests) -> None:
    """And nothing is changed by any of them."""
    before = stored()
    for bad in table:
        body = json.dumps(bad.body) if isinstance(bad.body, dict) else bad.body
        for request in bad.requests:
            method, _, address = request.partition(" ")
            cache.clear()  # in which the posts of nobody are counted
            with subtests.test(bad.what, request=request[:100]):
                response = client.generic(method, address.replace("{pk}", str(snippet.pk)), body, bad.media_type)
                assert_refused(response, bad.status, bad.name)
                assert stored() == before


@each(BODIES)
def test_a_bad_body_is_refused_and_changes_nothing(
    table: list[Bad], as_owner: APIClient, snippet: Snippet, subtests: pytest.Subtests
) -> None:
    assert_each_refused(as_owner, table, snippet, subtests)


@each({name: BODIES[name] for name in ("JSON", "forms", "multipart", "requests")} | {"text": BAD_PLAIN})
def test_a_bad_body_from_a_browser_is_refused_alike(
    table: list[Bad], in_session: APIClient, snippet: Snippet, subtests: pytest.Subtests
) -> None:
    assert_each_refused(in_session, table, snippet, subtests)


@each({name: BODIES[name] for name in ("JSON", "forms", "multipart")} | {"text": BAD_PLAIN})
def test_a_bad_body_from_nobody_is_refused_alike(
    table: list[Bad], anonymous: APIClient, snippet: Snippet, subtests: pytest.Subtests
) -> None:
    posts = [bad._replace(requests=bad.requests[:1]) for bad in table]
    assert_each_refused(anonymous, posts, snippet, subtests)


@each(QUERIES)
def test_a_bad_query_is_refused(
    table: list[Bad], as_staff: APIClient, snippet: Snippet, subtests: pytest.Subtests
) -> None:
    assert_each_refused(as_staff, table, snippet, subtests)


def test_a_bad_token_is_not_made(in_session: APIClient, snippet: Snippet, subtests: pytest.Subtests) -> None:
    assert_each_refused(in_session, BAD_TOKENS, snippet, subtests)


NO_TEXT_AT_ALL = ("bz2_codec", "zlib_codec", "rot13", "hex", "undefined", "idna")


@pytest.mark.parametrize(
    ("charset", "query", "status"),
    [
        *[(charset, "title=%C3%A9", "415 Unsupported Media Type") for charset in NO_TEXT_AT_ALL],
        ("utf-8", "&".join(f"a{number}=" for number in range(300)), "400 Bad Request"),
    ],
)
def test_a_charset_does_no_harm_where_django_decodes_the_query_with_it(
    charset: str, query: str, status: str, transactional_db: None
) -> None:
    """That is before any middleware is called, so this asks as a server does, which closes old connections too."""
    body = b'{"code": "x"}'
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/snippets/",
        "QUERY_STRING": query,
        "CONTENT_TYPE": f"{JSON}; charset={charset}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    setup_testing_defaults(environ)
    statuses: list[str] = []
    answer = b"".join(application(environ, lambda status, headers, *_: statuses.append(status)))
    assert statuses == [status]
    assert list(json.loads(answer)) == ["detail"]


@pytest.mark.parametrize("body", [TOO_DEEP, '{"title":' + TOO_DEEP + "}", '{"title":' + "[" * DEEP + "]" * DEEP + "}"])
def test_json_that_is_nested_deeply_is_refused_whether_or_not_this_python_can_read_it(
    body: str, as_owner: APIClient
) -> None:
    response = as_owner.generic("POST", "/snippets/", body, JSON)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/json"
    assert set(response.json()) <= {"detail", "a", "title", "code"}


def test_a_chunked_body_is_refused_instead_of_arriving_empty(as_owner: APIClient, snippet: Snippet) -> None:
    for method, address in (("POST", "/snippets/"), ("PATCH", f"/snippets/{snippet.pk}/")):
        response = as_owner.generic(method, address, content_type=JSON, headers={"Transfer-Encoding": "chunked"})
        assert_refused(response, 411, "detail")


@pytest.mark.parametrize("length", ["abc", "-1", ""])
def test_a_length_that_is_none_is_no_failure(length: str, as_owner: APIClient) -> None:
    response = as_owner.generic("POST", "/snippets/", b'{"code": "x"}', JSON, CONTENT_LENGTH=length)
    assert response.status_code == 400
    assert set(response.json()) <= {"code", "detail"}


def post_file_named(filename: str, client: APIClient) -> HttpResponse:
    disposition = f'Content-Disposition: form-data; name="code"; filename="{filename}"'
    body = b"--cut\r\n" + disposition.encode("utf-8", "surrogateescape") + b"\r\n\r\nx = 1\r\n" + END
    return client.generic("POST", "/snippets/", body, MULTIPART)


@pytest.mark.parametrize(
    ("filename", "kept"),
    [("../../etc/passwd", "passwd"), ("a\\b", "b"), ("say %22hi%22.py", 'say "hi".py'), ("R&copy.py", "R&copy.py")],
)
def test_the_name_of_an_uploaded_file_is_kept_but_never_its_path(filename: str, kept: str, as_owner: APIClient) -> None:
    response = post_file_named(filename, as_owner)
    assert (response.status_code, json.loads(response.content)["filename"]) == (201, kept)


@pytest.mark.parametrize("filename", ["x" * 300, "a\tb", "a%0Ab", "..", ".", "/", " "])
def test_the_name_of_an_uploaded_file_that_cannot_be_kept_is_refused(filename: str, as_owner: APIClient) -> None:
    assert_refused(post_file_named(filename, as_owner), 400, "filename")


def test_the_name_of_an_uploaded_file_is_utf_8(as_owner: APIClient) -> None:
    assert_refused(post_file_named("\udcff", as_owner), 400, "detail")


@pytest.mark.parametrize(
    ("field", "meant", "hint"),
    [("language", "pyhton", "'python'"), ("language", "Python", "'python'"), ("language", "C++", "'c++'")],
)
def test_an_unknown_language_is_answered_with_the_one_that_may_be_meant(
    field: str, meant: str, hint: str, as_owner: APIClient, snippet: Snippet
) -> None:
    body = json.dumps({"code": "x", field: meant})
    created = as_owner.generic("POST", "/snippets/", body, JSON)
    listed = as_owner.get("/snippets/", {field: meant})
    highlighted = as_owner.get(f"/snippets/{snippet.pk}/highlight/", {field: meant})
    for response in (created, listed, highlighted):
        assert f"Did you mean {hint}?" in assert_refused(response, 400, field)[field][0]


def test_an_error_does_not_repeat_what_was_sent(as_owner: APIClient) -> None:
    marker = "<script>alert(1)</script>"
    for field in ("language", "style", "visibility", "linenos", "filename"):
        body = json.dumps({"code": "x", field: marker + "/" * 9})
        assert marker.encode() not in as_owner.generic("POST", "/snippets/", body, JSON).content


def test_a_cursor_is_refused_where_it_was_changed_or_made_for_another_order(
    as_owner: APIClient, snippet: Snippet
) -> None:
    as_owner.post("/snippets/", {"code": "x"})
    cursor = as_owner.get("/snippets/?page_size=1").json()["next"].partition("cursor=")[2].partition("&")[0]
    for query, name in (
        (f"cursor={cursor[:-3]}abc", "cursor"),
        (f"cursor=A{cursor}", "cursor"),
        (f"cursor={cursor}&ordering=title", "cursor"),
        (f"cursor={cursor}&ordering=created", "cursor"),
        (f"cursor={cursor}&page=1", "page"),
        (f"cursor={cursor}&cursor={cursor}", "cursor"),
    ):
        assert_refused(as_owner.get(f"/snippets/?{query}"), 400, name)


def test_errors_name_all_that_is_wrong_at_once(as_owner: APIClient) -> None:
    response = as_owner.post("/snippets/", {"code": "", "title": 1, "language": "nonsense"})
    assert response.status_code == 400
    assert set(response.json()) == {"code", "title", "language"}
    assert set(as_owner.get("/snippets/?visibilty=public&pge=2").json()) == {"visibilty", "pge"}


def test_a_refused_accept_is_no_reason_for_an_error_in_another_form(as_owner: APIClient, snippet: Snippet) -> None:
    for accept in ("image/png", "application/x-latex", "text/plain", "nonsense", ""):
        for address in ("highlight/?hl_lines=0", "raw/?a=1", "nonsense/", "?a=1"):
            response = as_owner.get(f"/snippets/{snippet.pk}/{address}", headers={"Accept": accept})
            assert response["Content-Type"] == "application/json"
            assert isinstance(response.json(), dict)
