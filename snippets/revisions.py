"""The history of a snippet. Its newest revision is the snippet itself; what a change replaces is kept as a row.

So a new snippet costs no second row, and the numbers 1 to N have no gaps: a page of the history is a range of them.
"""

import copy
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from snippets.validators import validate_single_line

CONTENT = ("title", "description", "filename", "code", "language")  # what a revision is a revision of
COUNTED = ("version", "updated", "revision", "revision_message", "revised_by_id", "revised")
MESSAGE_LENGTH = 200  # characters


class Revision(models.Model):
    """What a snippet held until a change. Those that are not stored stand for what it holds now."""

    snippet = models.ForeignKey("snippets.Snippet", on_delete=models.CASCADE, related_name="replaced")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(max_length=5000, blank=True)
    filename = models.CharField(max_length=255, blank=True)
    code = models.TextField()
    language = models.CharField(max_length=50)
    size = models.PositiveIntegerField(help_text="Bytes of UTF-8.")
    lines = models.PositiveIntegerField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    message = models.CharField(max_length=MESSAGE_LENGTH, blank=True)
    created = models.DateTimeField()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["snippet", "number"], name="revision_number")]

    def __str__(self) -> str:
        return f"revision {self.number} of snippet {self.snippet_id}"


class Revised(models.Model):
    """What has revisions: who made the newest one, when and why, and how to come by the others."""

    revision = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    revision_message = models.CharField(
        max_length=MESSAGE_LENGTH,
        blank=True,
        default="",
        db_default="",
        editable=False,
        validators=[validate_single_line],
    )
    # Of the first revision, owner and time of creation say as much.
    revised_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    revised = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True

    def newest(self) -> Revision:
        """The present content, not stored as a revision."""
        it: Any = self
        content = {name: getattr(it, name) for name in (*CONTENT, "size", "lines")}
        return Revision(
            snippet=it,
            number=it.revision,
            author=it.owner if it.revision == 1 else it.revised_by,
            message=it.revision_message,
            created=it.revised or it.created,
            **content,
        )

    def revision_at(self, number: int) -> Revision | None:
        if number == self.revision:
            return self.newest()
        it: Any = self
        found: Revision | None = it.replaced.select_related("author").filter(number=number).first()
        return found

    def revisions(self, first: int, last: int) -> list[Revision]:
        """Those with the numbers from `first` to `last`, newest first, without their code."""
        it: Any = self
        kept = it.replaced.select_related("author").defer("code").order_by("-number")
        newest = [self.newest()] if last >= self.revision else []
        return [*newest, *kept.filter(number__range=(first, min(last, self.revision - 1)))]

    def as_of(self, revision: Revision) -> Self:
        """With the content of that revision; to be shown, and not to be stored."""
        past = copy.copy(self)
        for name in CONTENT:
            setattr(past, name, getattr(revision, name))
        return past

    def restore(self, revision: Revision, *, author: Any, message: str) -> None:
        """Makes its content the newest one again, where it is not; ValidationError where it may no longer be stored."""
        changes = {name: getattr(revision, name) for name in CONTENT}
        if not self.differs(changes):
            return
        it: Any = self.as_of(revision)
        it.clean_fields(exclude={field.name for field in it._meta.fields} - changes.keys())
        it = self
        it.revise(author=author, message=message, **changes)

    def differs(self, changes: Mapping[str, Any]) -> bool:
        """Whether these would change its content."""
        return any(name in changes and changes[name] != getattr(self, name) for name in CONTENT)

    def following(self, author: Any, message: str, moment: datetime) -> dict[str, Any]:
        """The fields that make it the next revision."""
        return {
            "revision": self.revision + 1,
            "revision_message": message,
            "revised_by_id": author.pk if author else None,
            "revised": moment,
        }

    def follow(self, stored: Self, names: Iterable[str]) -> Revision | None:
        """Takes the next version, and the next revision where one of those fields differs: then what it replaces."""
        differs = stored.differs({name: getattr(self, name) for name in names})
        taken = {name: getattr(stored, name) for name in COUNTED}
        taken |= {"version": taken["version"] + 1, "updated": timezone.now()}
        if differs:
            taken |= stored.following(None, "", taken["updated"])
        for name, value in taken.items():
            setattr(self, name, value)
        return stored.newest() if differs else None
