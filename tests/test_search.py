"""What a search finds: literally what was typed, at once, wherever it stands, without reading the whole table."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from rest_framework.test import APIClient

from accounts.models import User
from snippets import search
from snippets.models import Snippet

on_sqlite = pytest.mark.database("sqlite")


WAYS = {
    "by comparing": {"FIRST": 10_000},
    "by an index": {"FIRST": 0},
    **({"by an index, many": {"FIRST": 0, "FEW": -1}} if connection.vendor == "postgresql" else {}),
}


@pytest.fixture(autouse=True, params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way in which rows are found, whatever would be chosen."""
    for name, value in WAYS[request.param].items():
        monkeypatch.setattr(search, name, value)


def found(client: APIClient, query: str) -> str:
    """The titles of what is found, in their order."""
    response = client.get("/snippets/", {"q": query, "ordering": "title"})
    assert response.status_code == 200, response.content
    assert response.json()["count"] == len(response.json()["results"])
    return " ".join(row["title"] for row in response.json()["results"])


def store(**codes: str) -> None:
    """Snippets by their titles."""
    for title, code in codes.items():
        Snippet(title=title, code=code).save()


FIELDS = {
    "title": {"title": "Haystack", "code": "x"},
    "description": {"description": "a haystack\nof text", "code": "x"},
    "filename": {"filename": "haystack.py", "code": "x"},
    "code": {"code": "def f():\n    return haystack\n"},
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("query", ["haystack", "HayStack", "HAYSTACK", "hay", "tac", "ack", "haystac", " haystack "])
def test_words_and_parts_of_words_are_found_in_each_field_in_any_case(
    field: str, query: str, anonymous: APIClient
) -> None:
    Snippet(**FIELDS[field]).save()
    Snippet(title="other", code="hey stock\n").save()
    page = anonymous.get("/snippets/", {"q": query}).json()
    assert page["count"] == 1
    assert page["results"][0]["title"] != "other"


TERMS = [
    ("alpha", "a b d"),
    ("alpha beta", "a b"),
    ("beta alpha", "a b"),
    ("alpha beta gamma", "a"),
    ("alpha delta", "d"),
    ("alpha omega", ""),
    ("alp eta", "a b"),
    ("alpha  beta\tgamma", "a"),
    ("is alpha", "b"),
    ("is it", "b c"),
    ("is it alpha", "b"),
    ("alpha alpha", "a b d"),
]


@pytest.mark.parametrize(("query", "titles"), TERMS)
def test_every_term_must_be_there_in_whichever_field(query: str, titles: str, anonymous: APIClient) -> None:
    Snippet(title="a", description="beta", filename="gamma.txt", code="alpha\n").save()
    Snippet(title="b", description="is it alpha?", code="beta\n").save()
    Snippet(title="c", description="is", code="it\n").save()
    Snippet(title="d", filename="delta", code="alpha\n").save()
    assert found(anonymous, query) == titles


UNICODE = [
    ("café", "CAFÉ"),
    ("CAFÉ", "un café noir"),
    ("éta", "ÉTAT"),
    ("straße", "Straße"),
    ("STRAßE", "straße"),
    ("ΑΒΓ", "αβγ"),
    ("привет", "ПРИВЕТ, МИР"),
    ("日本語", "これは日本語です"),
    ("本語で", "日本語です"),
    ("שלום", "שלום עולם"),
    ("😀😀😀", "x = '😀😀😀'"),
    ("a😀b", "a😀b"),
    ("👩\u200d👧", "👩\u200d👧"),
    ("\U00020000\U00020001\U00020002", "\U00020000\U00020001\U00020002"),
    ("é", "un é seul"),
    ("É", "un é seul"),
    ("日本", "日本 です"),
    ("я", "это я!"),
]


@pytest.mark.parametrize(("query", "text"), UNICODE)
def test_letters_and_signs_of_all_scripts_are_found(query: str, text: str, anonymous: APIClient) -> None:
    store(it=text, other="cafe etat strasse nihongo privet :-) e ja\n")
    assert found(anonymous, query) == "it"


SHORT = [
    ("if", "if x:", "elif x: iffy"),
    ("IF", "if x:", "elif"),
    ("x", "x = 1", "xx yx x1 ax"),
    ("x", "f(x)", "xx"),
    ("x", "a.x", "ax"),
    ("x", "a_x_b", "axb"),
    ("is", "is_valid", "this island"),
    ("os", "import os.path", "osmosis"),
    ("42", "return 42", "420 142"),
    ("0", "x[0]", "10 01"),
    ("1", "x-1", "11"),
    ("-1", "x = -1", "11"),
    ("+1", "x +1", "11"),
    ("#1", "issue #1", "11"),
    (".5", "0 .5", "55"),
    ("5%", "at 5%", "55"),
    ("5.", "at 5.", "55"),
    ("c+", "c+", "cc"),
    ("f(", "f(1)", "ff(1)"),
    ("/a", "cd /a/b", "aa"),
    ("~a", "cd ~a", "aa"),
    ("@a", "@a.setter", "aa"),
    ("&a", "&a", "aa"),
    ("a@", "a@example.org", "aa"),
    ("a:", "a: int", "aa"),
    ("a'", "it's a's", "aa"),
    ("\\n", "print('\\n')", "nn"),
    ('"a', 'x = "a"', "aa"),
    ("_a", "_a = 1", "aa"),
    ("1e", "1e", "1e5 11e"),
    ("0x", "0x", "00x"),
    ("v2", "v2", "v22"),
]


@pytest.mark.parametrize(("query", "code", "other"), SHORT)
def test_a_term_of_one_or_two_characters_is_found_as_a_word(
    query: str, code: str, other: str, anonymous: APIClient
) -> None:
    store(it=code, other=other)
    assert found(anonymous, query) == "it"


@pytest.mark.parametrize("field", ["title", "description", "filename", "code"])
def test_a_short_term_is_found_in_each_field(field: str, anonymous: APIClient) -> None:
    Snippet(**{"code": "x\n", field: "go to"}).save()
    Snippet(title="got", code="x\n").save()
    assert anonymous.get("/snippets/", {"q": "go"}).json()["count"] == 1


LITERALLY = [
    ("100%", "100% sure", "1000 sure"),
    ("%%%", "a %%% b", "abc"),
    ("a%c", "a%c", "abc"),
    ("a_c", "a_c", "abc"),
    ("___", "a ___ b", "abc"),
    ("a\\b", "a\\b", "a/b ab"),
    ("\\\\\\", "\\\\\\", "\\\\"),
    ("a*c", "a*c", "abc"),
    ("abc*", "abc*", "abcd"),
    ("c++", "c++", "c+ c"),
    ("->x", "p->x", "p.x x"),
    ("(x)", "f(x)", "f x"),
    ("f(x", "f(x)", "f x"),
    ('"""', '"""doc"""', '"doc"'),
    ('"a"', '"a"', "a"),
    ('say"hi"', 'say"hi"', "say hi"),
    ("'''", "'''doc'''", "'doc'"),
    ("it's", "it's", "its"),
    ("AND", "this and that", "this or that"),
    ("abc AND xyz", "abc and xyz", "abc xyz"),
    ("abc OR xyz", "abc or xyz", "abc xyz"),
    ("NOT abc", "not abc", "abc"),
    ("NEAR(abc xyz)", "near(abc xyz)", "abc xyz"),
    ("NEAR", "nearby", "far"),
    ("-abc", "x-abc", "abc"),
    ("--abc", "run --abc", "-abc"),
    ("+abc", "+abc", "abc"),
    ("^abc", "^abc", "abc"),
    ("abc:xyz", "abc:xyz", "abc xyz"),
    ("title:abc", "title:abc", "abc"),
    ("{abc}", "{abc}", "abc"),
    ("abc|xyz", "abc|xyz", "abc xyz"),
    ("abc&xyz", "abc&xyz", "abc xyz"),
    ("!abc", "!abc", "abc"),
    ("<->", "a <-> b", "a b"),
    ("abc;--", "abc;--", "abc"),
    ("'%s'", "'%s'", "s"),
    ("#!/", "#!/bin/sh", "# bin"),
    ("...", "...", ". . ."),
    ("a.c", "a.c", "abc"),
    ("[ab]", "[ab]", "ab"),
    ("$1,", "$1,", "1"),
    ("\ufffd\ufffd\ufffd", "\ufffd\ufffd\ufffd", "abc"),
]


@pytest.mark.parametrize(("query", "code", "other"), LITERALLY)
def test_signs_mean_themselves(query: str, code: str, other: str, anonymous: APIClient) -> None:
    store(it=f"{code}\n", other=f"{other}\n")
    assert found(anonymous, query) == "it"


def test_what_is_found_is_what_a_plain_comparison_finds(db: None) -> None:
    fold = str.casefold if connection.vendor == "sqlite" else str.upper
    source = random.Random(connection.vendor)

    def text(longest: int) -> str:
        return "".join(source.choices("aAbkKsS\N{KELVIN SIGN}\N{LATIN SMALL LETTER LONG S}éÉ_%.\\'\"\n ", k=longest))

    rows = [Snippet(slug=f"row-{number}", title=text(5), filename=text(9), code=text(200)) for number in range(150)]
    Snippet.objects.bulk_create(rows)
    slugs = dict(Snippet.objects.values_list("pk", "slug"))
    fields = {row.slug: [fold(row.title), fold(row.filename), fold(row.code)] for row in rows}
    for _ in range(150):
        terms = [term for term in text(source.choice([3, 4, 9])).split() if len(term) >= 3]
        expected = {
            slug for slug, texts in fields.items() if all(any(fold(term) in one for one in texts) for term in terms)
        }
        if terms:
            keys = Snippet.objects.ordered_by("-created").first_found(" ".join(terms), 1000)
            assert keys == sorted(keys, reverse=True)
            assert {slugs[key] for key in keys} == expected, terms


@on_sqlite
def test_what_is_compared_of_a_letter_is_what_the_trigrams_take_for_the_same(db: None) -> None:
    letters = [letter for letter in map(chr, range(1, 0x11000)) if letter.lower() != letter.upper()]
    with connection.cursor() as cursor:
        cursor.execute("CREATE VIRTUAL TABLE temp.letters USING fts5(letter, tokenize='trigram')")
        cursor.executemany("INSERT INTO temp.letters VALUES (%s)", [[letter * 3] for letter in letters])
        for letter in letters:
            forms = search._forms(letter)
            if forms:
                compare = "SELECT rowid FROM temp.letters WHERE letter {} %s"
                cursor.execute(compare.format("GLOB"), [forms * 3])
                compared = cursor.fetchall()
                cursor.execute(compare.format("MATCH"), [letter * 3])
                assert compared == cursor.fetchall(), letter
        cursor.execute("DROP TABLE temp.letters")


def test_a_line_end_is_a_gap_between_terms_and_not_a_part_of_one(anonymous: APIClient) -> None:
    store(a="one\ntwo\n", b="one two\n", c="onetwo\n")
    assert found(anonymous, "one\ntwo") == "a b c"
    assert found(anonymous, "onetwo") == "c"


def test_nothing_is_found_that_may_not_be_seen(
    anonymous: APIClient, as_owner: APIClient, as_stranger: APIClient, as_staff: APIClient, owner: User
) -> None:
    for visibility in ("public", "unlisted", "private"):
        Snippet(owner=owner, title=visibility, code="needle if\n", visibility=visibility).save()
    for query in ("needle", "if", "needle if"):
        assert found(anonymous, query) == "public"
        assert found(as_stranger, query) == "public"
        assert found(as_owner, query) == "private public unlisted"
        assert found(as_staff, query) == "private public unlisted"


def update_by_api(client: APIClient, snippet: Snippet) -> None:
    assert client.patch(f"/snippets/{snippet.pk}/", {"code": "fresh ox\n"}).status_code == 200


def update_by_save(client: APIClient, snippet: Snippet) -> None:
    snippet.code = "fresh ox\n"
    snippet.save()


def update_some_fields(client: APIClient, snippet: Snippet) -> None:
    snippet.code = "fresh ox\n"
    snippet.save(update_fields=["code"])


def update_rows(client: APIClient, snippet: Snippet) -> None:
    Snippet.objects.filter(pk=snippet.pk).update(code="fresh ox\n")


def update_in_bulk(client: APIClient, snippet: Snippet) -> None:
    snippet.code = "fresh ox\n"
    Snippet.objects.bulk_update([snippet], ["code"])


def update_or_insert_in_bulk(client: APIClient, snippet: Snippet) -> None:
    snippet.code = "fresh ox\n"
    Snippet.objects.bulk_create([snippet], update_conflicts=True, update_fields=["code"], unique_fields=["id"])


def update_by_sql(client: APIClient, snippet: Snippet) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE snippets_snippet SET code = %s WHERE id = %s", ["fresh ox\n", snippet.pk])


UPDATES = [
    update_by_api,
    update_by_save,
    update_some_fields,
    update_rows,
    update_in_bulk,
    update_or_insert_in_bulk,
    update_by_sql,
]


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: update.__name__)
def test_a_change_is_found_at_once_and_what_it_replaced_no_more(
    update: Callable[[APIClient, Snippet], None], as_owner: APIClient, owner: User
) -> None:
    snippet = Snippet(owner=owner, title="it", code="stale ax\n")
    snippet.save()
    store(other="stale ax\n")
    assert [found(as_owner, query) for query in ("stale", "ax")] == ["it other"] * 2
    update(as_owner, snippet)
    assert [found(as_owner, query) for query in ("stale", "ax")] == ["other"] * 2
    assert [found(as_owner, query) for query in ("fresh", "ox")] == ["it"] * 2


def test_a_change_of_another_field_changes_nothing_that_is_found(as_owner: APIClient, snippet: Snippet) -> None:
    as_owner.patch(f"/snippets/{snippet.pk}/", {"linenos": True, "visibility": "private"})
    assert found(as_owner, "hello") == "Greeting"
    assert found(as_owner, "py") == "Greeting"


def test_what_is_deleted_is_found_no_more(as_owner: APIClient, snippet: Snippet) -> None:
    store(**{f"hello{number}": f"if {number}\n" for number in range(3)})
    as_owner.delete(f"/snippets/{snippet.pk}/")
    assert found(as_owner, "hello") == "hello0 hello1 hello2"
    Snippet.objects.filter(title__in=["hello0", "hello1"]).delete()
    assert found(as_owner, "hello") == found(as_owner, "if") == "hello2"
    Snippet.objects.all()._raw_delete("default")
    assert found(as_owner, "hello") == found(as_owner, "if") == ""


def test_what_is_made_in_bulk_is_found(as_owner: APIClient) -> None:
    Snippet.objects.bulk_create([Snippet(title=f"bulk{number}", code=f"if {number}\n") for number in range(3)])
    assert found(as_owner, "bulk") == found(as_owner, "if") == "bulk0 bulk1 bulk2"


def test_what_a_user_wrote_is_found_no_more_when_the_user_is_deleted(anonymous: APIClient, snippet: Snippet) -> None:
    User.objects.all().delete()
    assert found(anonymous, "hello") == ""


def test_a_change_that_is_taken_back_leaves_the_index_as_it_was(anonymous: APIClient, snippet: Snippet) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Snippet.objects.update(code="fresh ox\n")
        raise ZeroDivisionError
    assert found(anonymous, "fresh") == found(anonymous, "ox") == ""
    assert found(anonymous, "print") == "Greeting"


def long_code(size: int) -> str:
    """Lines that differ from each other, `size` characters of them."""
    lines = (f"value_{number} = {number * number}  # é\n" for number in range(size))
    code = ""
    while len(code) < size:
        code += "".join(next(lines) for _ in range(1000))
    return code[:size]


def test_what_stands_beyond_100000_characters_is_found(anonymous: APIClient) -> None:
    store(it=long_code(150_000) + "\nneedle\n", other=long_code(150_000))
    assert found(anonymous, "needle") == "it"
    assert found(anonymous, "value_1 needle") == "it"


def test_the_longest_snippet_is_stored_and_found(as_owner: APIClient) -> None:
    code = long_code(400_000).encode()[: 512 * 1024 - 8].decode(errors="ignore") + "\nneedle"
    code += "x" * (512 * 1024 - len(code.encode()))
    assert as_owner.post("/snippets/", {"title": "it", "code": code}).status_code == 201
    assert found(as_owner, "needle") == "it"
    assert found(as_owner, "value_0") == "it"
    as_owner.patch(f"/snippets/{Snippet.objects.get().pk}/", {"code": "x"})
    assert found(as_owner, "needle") == ""


HOSTILE = {
    "one word": "x" * 512 * 1024,
    "one word of é": "é" * 256 * 1024,
    "words of one letter": "".join(f"{chr(0x4E00 + number)} " for number in range(20_000)) * 2,
    "words that all differ": " ".join(f"{number:x}" for number in range(40_000)),
    "signs": "%_\\" * 150_000,
    "emoji": "😀 " * 100_000,
    "control characters": "\x01\x1f\x7f " * 100_000,
    "addresses": "http://user@example.org:80/a/b?c#d " * 10_000,
    "accents": "e" + "\u0301" * 200_000,
}


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_stored_and_others_are_still_found(code: str, as_owner: APIClient) -> None:
    store(other="needle if\n")
    response = as_owner.post("/snippets/", {"title": "it", "code": code})
    assert response.status_code == 201
    assert found(as_owner, "needle") == found(as_owner, "if") == "other"
    assert as_owner.delete(response.json()["url"]).status_code == 204


def test_the_longest_query_is_answered(anonymous: APIClient, snippet: Snippet) -> None:
    assert found(anonymous, "x" * 200) == ""
    assert found(anonymous, " ".join(["print"] * 10)) == "Greeting"
    assert found(anonymous, " ".join(["py"] * 10)) == "Greeting"


@pytest.fixture
def migrated_again() -> Iterator[None]:
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_the_indexes_can_be_dropped_and_made_again_with_what_has_changed_meanwhile(
    migrated_again: None, anonymous: APIClient
) -> None:
    store(kept="needle if\n", changed="needle if\n", deleted="needle if\n")
    call_command("migrate", "snippets", "0001_snippet", verbosity=0)
    assert not set(indexes_of_searching()) & {"snippets_trigrams", "snippets_words"}
    old: Any = MigrationExecutor(connection).loader.project_state(("snippets", "0001_snippet")).apps
    snippets = old.get_model("snippets", "Snippet").objects
    snippets.filter(title="changed").update(code="thread or\n")
    snippets.filter(title="deleted").delete()
    snippets.create(title="made", code="thread or\n", slug="x" * 22)
    call_command("migrate", "snippets", verbosity=0)
    assert [found(anonymous, query) for query in ("needle", "if")] == ["kept"] * 2
    assert [found(anonymous, query) for query in ("thread", "or")] == ["changed made"] * 2
    Snippet.objects.filter(title="made").update(code="needle if\n")
    assert [found(anonymous, query) for query in ("needle", "if")] == ["kept made"] * 2


def indexes_of_searching() -> list[str]:
    sql = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
        "postgresql": "SELECT indexname FROM pg_indexes WHERE tablename = 'snippets_snippet'",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [name for (name,) in cursor.fetchall()]


@on_sqlite
def test_the_virtual_tables_agree_with_the_snippets(as_owner: APIClient, snippet: Snippet) -> None:
    as_owner.patch(f"/snippets/{snippet.pk}/", {"code": "fresh\n", "title": "New"})
    store(other="é\x01\n")
    Snippet.objects.filter(title="other").delete()
    with connection.cursor() as cursor:
        for table in ("snippets_trigrams", "snippets_words"):  # raises where an entry is missing or left over
            cursor.execute(f"INSERT INTO {table}({table}, rank) VALUES ('integrity-check', 1)")  # noqa: S608
