"""Whose a snippet is: its owner's, or theirs who show the key that came with it."""

import hmac
import secrets
from collections.abc import Iterable

from django.conf import settings
from django.db import models
from django.utils.functional import cached_property

from accounts.models import User, digest_of
from snippets.querysets import Visitor


class Owned(models.Model):
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="snippets"
    )
    edit_key_digest = models.CharField(max_length=64, blank=True, default="", editable=False)

    class Meta:
        abstract = True

    @cached_property
    def owner_name(self) -> str | None:
        """The owner's name. A queryset's `with_owner_name` fills it in for many at once."""
        owner: User | None = self.owner
        return owner.username if owner else None

    def new_edit_key(self) -> str:
        """A secret that lets its holder change this snippet. Stored hashed: save the snippet after."""
        key = "edit_" + secrets.token_urlsafe(32)
        self.edit_key_digest = digest_of(key)
        return key

    def opens_with(self, edit_key_digest: str) -> bool:
        """Whether that is the digest of its edit key. One with an owner has none."""
        return (
            self.owner_id is None
            and bool(self.edit_key_digest)
            and hmac.compare_digest(self.edit_key_digest, edit_key_digest)
        )

    def belongs_to(self, visitor: Visitor, edit_key_digests: Iterable[str]) -> bool:
        """Whether the visitor is its owner, or holds its edit key."""
        if visitor.is_authenticated and self.owner_id == visitor.pk:
            return True
        return any(self.opens_with(digest) for digest in edit_key_digests)
