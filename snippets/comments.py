"""Comments: what people say about a snippet, and which of its lines they mean."""

import re
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from api.response_cache import forget

MAX_LENGTH = 10_000  # characters
MAX_REFERENCES = 50  # that are read out of one comment

# As GitHub (#L3-L5) and GitLab (#L3-5) write them; the number of a line has at most five digits.
REFERENCE = re.compile(r"#L([1-9][0-9]{0,4})(?:-L?([1-9][0-9]{0,4}))?(?!\w)", re.ASCII)


class Lines(NamedTuple):
    """From the first to the last one, both counted from 1."""

    first: int
    last: int


def lines_meant(text: str) -> list[Lines]:
    """The lines that a text refers to, each once, in the order of the text. Whether they exist is not asked."""
    found: dict[Lines, None] = {}
    for match in REFERENCE.finditer(text):
        one, other = int(match[1]), int(match[2] or match[1])
        found.setdefault(Lines(min(one, other), max(one, other)))
        if len(found) == MAX_REFERENCES:
            break
    return list(found)


def validate_body(body: str) -> None:
    if not body.strip():
        raise ValidationError("This field may not be blank.", code="blank")


class Comment(models.Model):
    """A remark in plain text, kept as it was given. It stays, without its author, when the author's account goes."""

    snippet = models.ForeignKey("snippets.Snippet", on_delete=models.CASCADE, related_name="comments", db_index=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    body = models.TextField(max_length=MAX_LENGTH, validators=[validate_body])
    version = models.PositiveIntegerField(default=1, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    updated = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created", "pk"]
        indexes = [models.Index(fields=["snippet", "created", "id"], name="comment_snippet_created")]

    def __str__(self) -> str:
        return f"comment {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            self.version += 1
            self.updated = timezone.now()
        super().save(*args, **kwargs)
        forget(self.snippet_id)  # which tells how many it has

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        forget(self.snippet_id)
        return super().delete(*args, **kwargs)

    @property
    def lines(self) -> list[Lines]:
        return lines_meant(self.body)


class Discussed(models.Model):
    """What has comments. A queryset's `described_for` counts those of many at once."""

    class Meta:
        abstract = True

    @cached_property
    def comment_count(self) -> int:
        return Comment.objects.filter(snippet=self.pk).count()
