"""How a snippet ends: at its time, or with the first stranger who reads it."""

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from snippets.ownership import Owned
from snippets.querysets import Address, Visitor

if TYPE_CHECKING:
    from snippets.models import Snippet

LONGEST = timedelta(days=36525)  # a hundred years
REMEMBERED = timedelta(days=30)  # how long it is known that a snippet was opened


class AlreadyOpenedError(Exception):
    """Somebody else has opened the snippet, and it is gone."""


class Mortal(Owned):
    """What may expire, and may burn after reading.

    What burns does so from the beginning and stays so: what others could read before is no secret any more.
    """

    expires = models.DateTimeField(null=True, blank=True)
    burn_after_read = models.BooleanField("burn after reading", default=False, db_default=False)

    class Meta:
        abstract = True

    @property
    def expired(self) -> bool:
        return self.expires is not None and self.expires <= timezone.now()

    def conceals_from(self, visitor: Visitor, edit_key_digests: Iterable[str]) -> bool:
        """Whether nothing that it holds may be shown: it burns after reading, and is somebody else's."""
        return self.burn_after_read and not self.belongs_to(visitor, edit_key_digests)

    @property
    def seconds_left(self) -> float:
        """How long what is made of it may be kept elsewhere, or be fetched there; without an end `inf`."""
        if self.burn_after_read:
            return 0
        return max(0, (self.expires - timezone.now()).total_seconds()) if self.expires else math.inf


class OpenedSnippetQuerySet(models.QuerySet["OpenedSnippet"]):
    def at(self, ref: str, user: Visitor, edit_key_digests: Iterable[str]) -> "OpenedSnippetQuerySet":
        """What was at the address, for who could have seen it there; its number was known to its owner alone."""
        address = Address.of(ref)
        here = self.filter(expires__gt=timezone.now(), **{address.field: address.value})
        if address.field == "slug" or user.is_staff:
            return here
        digests = [digest for digest in edit_key_digests if digest]
        own = Q(owner_id=user.pk) if user.is_authenticated else Q(pk__in=[])
        return here.filter(own | Q(owner__isnull=True, edit_key_digest__in=digests))


class OpenedSnippet(models.Model):
    """That a snippet was opened and is gone. Nothing of what it held is here."""

    id = models.BigIntegerField(primary_key=True)  # the snippet's own
    slug = models.CharField(max_length=22, unique=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    edit_key_digest = models.CharField(max_length=64, blank=True, default="")
    opened = models.DateTimeField()
    expires = models.DateTimeField(db_index=True)

    objects = OpenedSnippetQuerySet.as_manager()

    def __str__(self) -> str:
        return f"opened snippet {self.pk}"

    @classmethod
    @transaction.atomic
    def burn(cls, snippet: "Snippet") -> None:
        """Deletes the snippet and all that belongs to it, and remembers that it was opened; AlreadyOpenedError where
        somebody else has done so."""
        _, deleted = type(snippet).objects.filter(pk=snippet.pk, burn_after_read=True).delete()
        if not deleted.get("snippets.Snippet"):
            raise AlreadyOpenedError
        now = timezone.now()
        cls.objects.create(
            id=snippet.pk,
            slug=snippet.slug,
            owner_id=snippet.owner_id,
            edit_key_digest=snippet.edit_key_digest,
            opened=now,
            expires=min(filter(None, (snippet.expires, now + REMEMBERED))),
        )
