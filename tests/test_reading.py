"""What is read in SQL that was made before: the same as what a queryset finds, whoever asks, and whatever was asked."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import CharField
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiToken, User, digest_of
from api.compiled_queries import CompiledQuery, Parameter
from snippets.models import Snippet
from snippets.querysets import LARGEST_PK, Visitor
from snippets.reading import read, read_listed
from snippets.stars import Star

DESCRIBED = ("owner_name", "tag_names", "star_count", "comment_count", "visible_source")


@pytest.fixture
def snippets(owner: User, stranger: User) -> list[Snippet]:
    """One of each visibility and of each owner, forks of all of them, one with an end, and one that has ended."""
    keyed = Snippet(code="keyed\n", visibility="private")
    keyed.edit_key_digest = digest_of("the key")
    keyed.save()
    made = [keyed]
    for user in (owner, stranger):
        for visibility in ("public", "unlisted", "private"):
            one = Snippet.objects.create(owner=user, code="x\n", visibility=visibility, tag_names=["b", "a", "c++"])
            Star.give(one, owner)
            made += [one, Snippet.objects.create(owner=owner, code="fork\n", forked_from=one)]
    now = timezone.now()
    for end in (now + timedelta(hours=1), now - timedelta(seconds=1)):
        made.append(Snippet.objects.create(owner=owner, code="mortal\n", expires=end))
    return made


@pytest.fixture
def visitors(owner: User, stranger: User, staff: User) -> list[Visitor]:
    return [AnonymousUser(), owner, stranger, staff]


def _shown(snippet: Snippet | None, visitor: Visitor) -> Any:
    if snippet is None:
        return None
    fields = {field.attname: getattr(snippet, field.attname) for field in Snippet._meta.concrete_fields}
    return fields | {name: getattr(snippet, name) for name in DESCRIBED} | {"star": snippet.is_starred_by(visitor)}


@pytest.mark.parametrize("digests", [[], ["", digest_of("the key")], [digest_of("another"), digest_of("the key")]])
def test_at_an_address_is_what_the_queryset_finds(
    snippets: list[Snippet], visitors: list[Visitor], digests: list[str]
) -> None:
    found = 0
    for visitor in visitors:
        for ref in [*(ref for it in snippets for ref in (str(it.pk), it.slug)), "0", str(LARGEST_PK + 1), "z" * 22]:
            expected = Snippet.objects.at(ref, visitor, digests).described_for(visitor).first()
            assert _shown(read(ref, visitor, digests, described=True), visitor) == _shown(expected, visitor), ref
            bare = read(ref, visitor, digests, described=False)
            assert (bare and (bare.pk, bare.owner_name)) == (expected and (expected.pk, expected.owner_name)), ref
            found += expected is not None
    assert 0 < found < len(visitors) * 2 * len(snippets)  # some, and not everything


def test_of_many_is_what_the_lists_show(snippets: list[Snippet], visitors: list[Visitor]) -> None:
    for visitor in visitors:
        expected = {it.pk: _shown(it, visitor) for it in Snippet.objects.listed_for(visitor).described_for(visitor)}
        read_at_once = read_listed([it.pk for it in snippets], visitor, with_code=True)
        assert {it.pk: _shown(it, visitor) for it in read_at_once} == expected
        assert list(read_listed([], visitor, with_code=True)) == []


def test_what_has_expired_since_the_sql_was_made_is_gone(owner: User, later: Any) -> None:
    mortal = Snippet.objects.create(owner=owner, code="x\n", expires=timezone.now() + timedelta(seconds=60))
    assert read(str(mortal.pk), AnonymousUser(), [], described=True)
    later(61)
    assert read(str(mortal.pk), AnonymousUser(), [], described=True) is None
    assert list(read_listed([mortal.pk], AnonymousUser(), with_code=False)) == []


def test_a_token_is_found_with_its_user_until_it_ends_or_he_may_not_sign_in(owner: User, later: Any) -> None:
    _, secret = ApiToken.issue(owner, "one", expires=timezone.now() + timedelta(seconds=60))
    token = ApiToken.of(secret)
    assert token is not None
    assert token.user == owner
    assert ApiToken.of(secret + "x") is None
    owner.is_active = False
    owner.save()
    assert ApiToken.of(secret) is None
    owner.is_active = True
    owner.save()
    later(61)
    assert ApiToken.of(secret) is None


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(("threshold", "kept"), [(None, 0), (5, 1)])
def test_the_plan_of_what_is_asked_again_is_kept(snippet: Snippet, threshold: int | None, kept: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
        connection.connection._prepared.clear()  # psycopg's own record of them
        before, connection.connection.prepare_threshold = connection.connection.prepare_threshold, threshold
        for _ in range(7):
            assert read(str(snippet.pk), AnonymousUser(), [], described=False) == snippet
        connection.connection.prepare_threshold = before
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (kept,)


def test_values_are_never_a_part_of_the_sql(owner: User, stranger: User) -> None:
    by_name = CompiledQuery(User.objects.filter(username=Parameter("name", CharField())))
    with CaptureQueriesContext(connection) as queries:
        assert by_name.first(name=owner.username) == owner
        assert by_name.first(name=stranger.username) == stranger
        assert by_name.first(name="' OR 1=1 --") is None
        assert by_name.first(name="%s") is None
    assert len(queries) == 4
