"""Reads what is shown of snippets: what is asked most often, and so in SQL that is made once for all who ask alike."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from django.db import models
from django.utils import timezone

from api.compiled_queries import CompiledQuery, Parameter
from api.pagination import beyond
from api.reading_by_number import read_by_number
from snippets.models import Snippet
from snippets.querysets import NEWEST_FIRST, Address, AnyVisitor, RowCount, Visitor

NOW = Parameter("now", models.DateTimeField())
USER = Parameter("user", models.BigIntegerField())
PLACE = Parameter("created", models.DateTimeField()), Parameter("pk", models.BigIntegerField())


def _kind(visitor: Visitor) -> AnyVisitor:
    return AnyVisitor(visitor.is_staff, bool(visitor.is_authenticated), USER)


@lru_cache(maxsize=256)
def _query_of_one(field: str, visitor: AnyVisitor, edit_keys: int, described: bool) -> CompiledQuery[Snippet]:
    stored_as = models.CharField() if field == "slug" else models.BigIntegerField()
    address = Address(field, Parameter("address", stored_as))
    digests = [Parameter(f"digest{number}", models.CharField()) for number in range(edit_keys)]
    found = Snippet.objects.found_at(address, visitor, digests, NOW).order_by()
    return CompiledQuery(found.described_for(visitor, NOW) if described else found.with_owner_name())


def read(ref: str, visitor: Visitor, edit_key_digests: Iterable[str], *, described: bool) -> Snippet | None:
    """What `SnippetQuerySet.at` finds, where that is wanted `described_for` this visitor; None where it is nothing."""
    address = Address.of(ref)
    digests = {f"digest{number}": it for number, it in enumerate(filter(None, edit_key_digests))}
    query = _query_of_one(address.field, _kind(visitor), len(digests), described)
    return query.first(address=address.value, user=visitor.pk, now=timezone.now(), **digests)


@lru_cache(maxsize=256)
def _query_of_keys(visitor: AnyVisitor, direction: str, start: int, stop: int, most: int) -> CompiledQuery[Snippet]:
    listed = Snippet.objects.listed_for(visitor, NOW)
    total = RowCount(listed.order_by().values("pk")[: most + 1])
    keys = listed.ordered_by(NEWEST_FIRST).only("pk").annotate(total=total)
    if direction:
        keys = keys.filter(beyond(NEWEST_FIRST, direction, *PLACE))
    return CompiledQuery((keys.reverse() if direction == "before" else keys)[start:stop])


def keys_listed(
    visitor: Visitor,
    start: int,
    stop: int,
    *,
    most: int,
    direction: str = "",
    created: datetime | None = None,
    pk: int | None = None,
) -> tuple[list[int], int | None]:
    """The keys of what this visitor's lists show, the newest first: all of it, or what lies in a direction of a place.

    With them comes how many his lists show (beyond `most` any number will do), which nobody knows where there is none.
    """
    query = _query_of_keys(_kind(visitor), direction, start, stop, most)
    found = query.tuples(user=visitor.pk, now=timezone.now(), created=created, pk=pk)
    return [key for key, _ in found], found[0][1] if found else None


@lru_cache(maxsize=256)
def _query_of_many(count: int, visitor: AnyVisitor, with_code: bool) -> CompiledQuery[Snippet]:
    keys: list[Any] = [Parameter(f"key{number}", models.BigIntegerField()) for number in range(count)]
    listed = read_by_number(Snippet.objects.listed_for(visitor, NOW).filter(pk__in=keys))
    described = listed.described_for(visitor, NOW).order_by()
    return CompiledQuery(described if with_code else described.defer("code"))


def read_listed(pks: list[int], visitor: Visitor, *, with_code: bool) -> Iterable[Snippet]:
    """Those of them that this visitor's lists show, `described_for` him, in any order."""
    if not pks:
        return ()
    query = _query_of_many(len(pks), _kind(visitor), with_code)
    keys = {f"key{number}": pk for number, pk in enumerate(pks)}
    return query.rows(user=visitor.pk, now=timezone.now(), **keys)


@cache
def _query_of_expiring() -> CompiledQuery[Snippet]:
    since, until = (Parameter(name, models.DateTimeField()) for name in ("since", "until"))
    expiring = Snippet.objects.filter(visibility="public", expires__gt=since, expires__lte=until)
    return CompiledQuery(expiring.only("pk").order_by()[:1])


def a_public_one_expires_within(seconds: float) -> bool:
    """Before or after now, so that it does not matter whether what it is asked for has been read already."""
    now, some = timezone.now(), timedelta(seconds=seconds)
    return _query_of_expiring().first(since=now - some, until=now + some) is not None
