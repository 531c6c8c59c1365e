"""The snippet: what it holds, and what can be done with it."""

import hmac
import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import digest_of
from snippets import rendering
from snippets.highlighting import Options
from snippets.querysets import SnippetQuerySet
from snippets.validators import (
    validate_code,
    validate_filename,
    validate_language,
    validate_single_line,
    validate_style,
)

SLUG_LENGTH = 22  # of 62 characters: 131 bits
EXCERPT_LENGTH = 300  # characters


def new_slug() -> str:
    """A random address that cannot be guessed. Never all digits: that would be a number's address."""
    slug = get_random_string(SLUG_LENGTH)
    return slug if not slug.isdigit() else new_slug()


class StaleVersionError(Exception):
    """Somebody else has changed the snippet since it was read."""


class Visibility(models.TextChoices):
    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"


class Snippet(models.Model):
    """A piece of code, kept byte for byte."""

    title = models.CharField(max_length=200, blank=True, default="", validators=[validate_single_line])
    code = models.TextField(validators=[validate_code])
    linenos = models.BooleanField("line numbers", default=False)
    language = models.CharField(max_length=50, default="python", validators=[validate_language])
    style = models.CharField(max_length=50, default="friendly", validators=[validate_style])

    filename = models.CharField(max_length=255, blank=True, default="", validators=[validate_filename])
    description = models.TextField(max_length=5000, blank=True, default="")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="snippets"
    )
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PUBLIC)
    slug = models.CharField(max_length=SLUG_LENGTH, unique=True, default=new_slug, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    updated = models.DateTimeField(default=timezone.now, editable=False)
    # Derived from the code when it is stored, so that a list need not read the code.
    size = models.PositiveIntegerField(default=0, editable=False, help_text="Bytes of UTF-8.")
    lines = models.PositiveIntegerField(default=0, editable=False)
    excerpt = models.CharField(max_length=EXCERPT_LENGTH, default="", editable=False)
    edit_key_digest = models.CharField(max_length=64, blank=True, default="", editable=False)

    objects = SnippetQuerySet.as_manager()

    class Meta:
        ordering = ["-created", "-pk"]
        indexes = [
            # For each order: all (staff, and one's own among the public), the public ones, and those of one owner.
            *(models.Index(fields=[name, "id"], name=f"snippet_{name}") for name in ("created", "updated", "title")),
            *(
                models.Index(fields=["visibility", name, "id"], name=f"snippet_visibility_{name}")
                for name in ("created", "updated", "title")
            ),
            models.Index(fields=["owner", "created", "id"], name="snippet_owner_created"),
            models.Index(fields=["language", "created", "id"], name="snippet_language_created"),
        ]

    def __str__(self) -> str:
        return self.title or self.filename or f"snippet {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Stores all fields as they are. To change some of them while others may do so too, use `revise`."""
        self._measure()
        if not self._state.adding:
            self.version += 1
            self.updated = timezone.now()
        super().save(*args, **kwargs)

    def revise(self, **changes: Any) -> None:
        """Stores changed fields as the next version; StaleVersionError if that exists already."""
        for name, value in changes.items():
            setattr(self, name, value)
        self._measure()
        stored = changes | {name: getattr(self, name) for name in ("size", "lines", "excerpt")}
        stored |= {"version": self.version + 1, "updated": timezone.now()}
        if not Snippet.objects.filter(pk=self.pk, version=self.version).update(**stored):
            raise StaleVersionError
        self.version, self.updated = stored["version"], stored["updated"]

    def _measure(self) -> None:
        self.size = len(self.code.encode())
        self.lines = self.code.count("\n") + (not self.code.endswith("\n"))
        self.excerpt = self.code[:EXCERPT_LENGTH]

    @property
    def ref(self) -> str:
        """What its address ends in, for others: the number, or the slug where knowing that is what lets them in."""
        return str(self.pk) if self.visibility == Visibility.PUBLIC else self.slug

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

    def options(self, format: str, **chosen: Any) -> Options:
        """How it is rendered: as stored, unless the reader has chosen otherwise."""
        stored: dict[str, Any] = {"language": self.language, "style": self.style, "linenos": self.linenos}
        return Options(format=format, **(stored | chosen))

    def render(self, options: Options) -> rendering.Rendering:
        return rendering.render(self.code, options)
