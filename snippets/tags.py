"""Tags: words that snippets are found by."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.functional import cached_property

MAX_LENGTH = 50  # characters
MAX_COUNT = 20  # on one snippet
SIGNS = "-_.+#"


def cleaned_start(name: str) -> str:
    """What a tag may begin with, in lower case and composed. ValidationError where none can.

    The errors name the rule and not the value, which may be long, or impossible to print.
    """
    # Twice composed: what looks the same is the same, also where lower case comes in two characters.
    name = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).lower())
    if not 1 <= len(name) <= MAX_LENGTH:
        raise ValidationError(f"A tag has 1 to {MAX_LENGTH} characters.", code="tag_length")
    kinds = [unicodedata.category(character)[0] for character in name]
    # Marks too: many scripts write vowels with them.
    if any(kind not in "LMN" and character not in SIGNS for character, kind in zip(name, kinds, strict=True)):
        raise ValidationError(f"A tag is one word of letters, digits and {' '.join(SIGNS)}", code="tag_characters")
    return name


def cleaned(name: str) -> str:
    """The tag as it is stored. ValidationError where it is none."""
    name = cleaned_start(name)
    if not any(unicodedata.category(character)[0] in "LN" for character in name):
        raise ValidationError("A tag has at least one letter or digit.", code="tag_signs")
    return name


def cleaned_all(names: Iterable[str]) -> list[str]:
    """Each once, in alphabetical order; ValidationError where one is none, or where they are too many."""
    found = sorted({cleaned(name) for name in names})
    if len(found) > MAX_COUNT:
        raise ValidationError(f"A snippet has at most {MAX_COUNT} tags.", code="too_many_tags")
    return found


class TagQuerySet(models.QuerySet["Tag"]):
    def named(self, names: Iterable[str]) -> "TagQuerySet":
        """Those with these names, which are made where they are missing."""
        wanted = set(names)
        missing = wanted - set(self.filter(name__in=wanted).values_list("name", flat=True))
        # Somebody else may make the same now, and two who do so must meet in one order: else they wait for each other.
        self.bulk_create([self.model(name=name) for name in sorted(missing)], ignore_conflicts=True)
        return self.filter(name__in=wanted)


class Tag(models.Model):
    """A word. One that no snippet has any more stays for the next, and is shown nowhere."""

    name = models.CharField(max_length=MAX_LENGTH, unique=True)

    snippet_count: int  # where it has been counted for somebody

    objects = TagQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class Tagged(models.Model):
    """What has tags. `tag_names` may be set before there is a row: they are stored with it.

    A queryset's `described_for` fills in `joined_tags` for many at once.
    """

    tags: "models.ManyToManyField[Any, Any]" = models.ManyToManyField(Tag, related_name="%(class)ss")

    _new_names: list[str] | None = None

    class Meta:
        abstract = True

    @cached_property
    def joined_tags(self) -> str | None:
        """The names that are stored, with a space between them, which none has in it."""
        return " ".join(self.tags.values_list("name", flat=True)) if self.pk else None

    @property
    def tag_names(self) -> list[str]:
        """In alphabetical order."""
        if self._new_names is not None:
            return self._new_names
        return sorted((self.joined_tags or "").split())

    @tag_names.setter
    def tag_names(self, names: Sequence[str]) -> None:
        self._new_names = cleaned_all(names)

    def store_tags(self) -> None:
        """Stores the names that have been set, if there are any."""
        if self._new_names is not None:
            self.tags.set(Tag.objects.named(self._new_names))
            self.joined_tags, self._new_names = " ".join(self._new_names), None
