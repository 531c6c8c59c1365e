"""Stars: who likes which snippet."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from api.response_cache import forget


class Star(models.Model):
    """That a user has starred a snippet. They are counted and never kept as a number, which could be wrong."""

    snippet = models.ForeignKey("snippets.Snippet", on_delete=models.CASCADE, related_name="stars")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "snippet"], name="star_once")]

    def __str__(self) -> str:
        return f"star {self.pk}"

    @classmethod
    def give(cls, snippet: Any, user: Any) -> None:
        """Does nothing where it is given already."""
        Star.objects.bulk_create([Star(snippet=snippet, user=user)], ignore_conflicts=True)
        forget(snippet.pk)

    @classmethod
    def take_away(cls, snippet: Any, user: Any) -> None:
        """Does nothing where there is none."""
        Star.objects.filter(snippet=snippet, user=user).delete()
        forget(snippet.pk)


class Starred(models.Model):
    """What can be starred. A queryset's `described_for` fills in both for many at once."""

    class Meta:
        abstract = True

    @cached_property
    def star_count(self) -> int:
        return Star.objects.filter(snippet=self.pk).count()

    def is_starred_by(self, user: Any) -> bool:
        if "is_starred" in self.__dict__:
            return bool(self.__dict__["is_starred"])
        return user.is_authenticated and Star.objects.filter(snippet=self.pk, user=user.pk).exists()
