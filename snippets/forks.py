"""Where a snippet comes from, and what its copies say of it."""

from typing import Any, Self

from django.db import models

from api.response_cache import forget
from snippets.revisions import CONTENT

DECISIVE = ("visibility", "expires")  # for whether its forks name it


class Forkable(models.Model):
    forked_from = models.ForeignKey(
        "self", null=True, editable=False, db_index=False, on_delete=models.SET_NULL, related_name="forks"
    )
    visible_source: str | None = None  # its address, where SnippetQuerySet.described_for has found it

    class Meta:
        abstract = True

    def fork(self) -> Self:
        """A copy of what it says and how it looks, not stored yet, and no more public than this one."""
        copied = {name: getattr(self, name) for name in (*CONTENT, "style", "linenos", "visibility")}
        return type(self)(forked_from=self, **copied)

    def forget_answers(self, *, forks: bool) -> None:
        """Drops what is kept of it, and where that names it what is kept of its forks."""
        it: Any = self
        forget(it.pk, *(it.forks.values_list("pk", flat=True) if forks else ()))
