"""The session in `manage.py shell` that REST framework's users know by heart: it needs no request."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer

from snippets.models import Snippet
from snippets.serializers import SnippetSerializer
from tests.conftest import ROOT

SESSION = """
import io

from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer

from snippets.models import Snippet
from snippets.serializers import SnippetSerializer

Snippet(code='foo = "bar"\\n').save()

snippet = Snippet(code='print("hello")\\n')
snippet.save()

serializer = SnippetSerializer(snippet)
print(dict(serializer.data))

content = JSONRenderer().render(serializer.data)
print(content)

data = JSONParser().parse(io.BytesIO(content))
serializer = SnippetSerializer(data=data)
print(serializer.is_valid())
print(dict(serializer.validated_data))
print(repr(serializer.save()))

print(Snippet(**serializer.data).title == "")
print(Snippet.objects.create(**serializer.validated_data).pk)
print([row["pk"] for row in SnippetSerializer(Snippet.objects.all(), many=True).data])
print(repr(SnippetSerializer()).splitlines()[0])
"""

PRINTED = """\
{'pk': 2, 'title': '', 'code': 'print("hello")\\n', 'linenos': False, 'language': 'python', 'style': 'friendly'}
b'{"pk":2,"title":"","code":"print(\\\\"hello\\\\")\\\\n","linenos":false,"language":"python","style":"friendly"}'
True
{'title': '', 'code': 'print("hello")\\n', 'linenos': False, 'language': 'python', 'style': 'friendly'}
<Snippet: snippet 3>
True
4
[4, 3, 2, 1]
SnippetSerializer():
"""

FIELDS = {
    "title": "",
    "code": 'foo = "bar"\n',
    "linenos": False,
    "language": "python",
    "style": "friendly",
}


@pytest.fixture
def foo(db: None) -> Snippet:
    snippet = Snippet(code='foo = "bar"\n')
    snippet.save()
    return snippet


def test_six_fields_in_this_order_and_no_others(foo: Snippet) -> None:
    data = SnippetSerializer(foo).data
    assert list(data.items()) == [("pk", foo.pk), *FIELDS.items()]


def test_json_and_back_and_a_second_snippet(foo: Snippet) -> None:
    content = JSONRenderer().render(SnippetSerializer(foo).data)
    data = JSONParser().parse(io.BytesIO(content))
    serializer = SnippetSerializer(data=data)
    assert serializer.is_valid()
    assert list(serializer.validated_data.items()) == list(FIELDS.items())
    saved = serializer.save()
    assert (saved.pk != foo.pk, saved.code, saved.visibility) == (True, foo.code, "public")


def test_the_data_makes_a_snippet(foo: Snippet) -> None:
    serializer = SnippetSerializer(data=FIELDS)
    assert serializer.is_valid()
    saved = serializer.save()
    same = Snippet(**serializer.data)
    assert (same.pk, same.code) == (saved.pk, foo.code)
    another = Snippet.objects.create(**serializer.validated_data)
    another.refresh_from_db()
    assert (another.code, another.size, another.lines) == (foo.code, 12, 1)


def test_many_are_serialized_with_the_newest_first(foo: Snippet) -> None:
    Snippet(code="second").save()
    rows = SnippetSerializer(Snippet.objects.all(), many=True).data
    assert [row["code"] for row in rows] == ["second", foo.code]
    assert {tuple(row) for row in rows} == {("pk", *FIELDS)}


def test_a_snippet_is_updated_through_the_serializer(foo: Snippet) -> None:
    serializer = SnippetSerializer(foo, data={"title": "Foo"}, partial=True)
    assert serializer.is_valid()
    serializer.save()
    foo.refresh_from_db()
    assert (foo.title, foo.code, foo.version) == ("Foo", 'foo = "bar"\n', 2)


def test_what_is_wrong_is_named_without_a_request(db: None) -> None:
    serializer = SnippetSerializer(data={"language": "nonsense", "titel": "x"})
    assert not serializer.is_valid()
    assert list(serializer.errors) == ["titel"]
    serializer = SnippetSerializer(data={"language": "nonsense"})
    assert not serializer.is_valid()
    assert sorted(serializer.errors) == ["code", "language"]


def manage(*arguments: str, folder: Path, script: str = "") -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "SECRET_KEY")}
    environment |= {"DEBUG": "true", "DATA_DIR": str(folder), "ENV_FILE": os.devnull}
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, input=script, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_session_in_a_real_shell(tmp_path: Path) -> None:
    manage("migrate", "--verbosity=0", folder=tmp_path)
    printed = manage("shell", "--verbosity=0", folder=tmp_path, script=SESSION)
    assert printed.replace("\r\n", "\n") == PRINTED
