"""Who you are: users, and the tokens that their programs use."""

import hashlib
import secrets
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from api.compiled_queries import CompiledQuery, Parameter
from uploads.contents import IMAGES, inspect
from uploads.images import read_image
from uploads.keys import random_key
from uploads.removal import remove, remove_after_commit

RESERVED_USERNAMES = ("me",)  # taken by addresses
AVATAR_EDGE = 256  # pixels


def avatar_key(user: "User", filename: str) -> str:
    return random_key("avatars")


def validate_not_reserved(username: str) -> None:
    if username.lower() in RESERVED_USERNAMES:
        raise ValidationError("This name is taken.", code="reserved")


class CaseInsensitiveUserManager(UserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        if "\0" in (username or ""):  # which PostgreSQL refuses to look for
            raise self.model.DoesNotExist
        return self.get(username__iexact=username)


class User(AbstractUser):
    """A person. Names differ by more than their case."""

    username = models.CharField(
        max_length=50,
        unique=True,
        validators=[
            RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z", "Use letters, digits, and . _ - after the first of them."),
            validate_not_reserved,
        ],
        error_messages={"unique": "This name is taken."},
    )
    avatar = models.ImageField(upload_to=avatar_key, blank=True)

    objects = CaseInsensitiveUserManager()  # type: ignore[misc]

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Lower("username"), name="username_lower_unique", violation_error_message="This name is taken."
            )
        ]

    def change_avatar(self, upload: File) -> None:
        """Stores the picture drawn anew as a square, and removes the one before; ValidationError if it is none."""
        media_type = inspect(upload).media_type
        if media_type not in IMAGES:
            raise ValidationError("Send a picture: PNG, JPEG, GIF or WebP.", code="not_an_image")
        picture = read_image(upload, media_type, edge=AVATAR_EDGE, square=True)
        new = default_storage.save(avatar_key(self, ""), picture.as_file())
        committing = False
        try:
            with transaction.atomic():
                self._replace_avatar(new)
                committing = True
        finally:
            if not committing:  # of a commit that failed it is not known whether the row names the file
                remove([new])

    @transaction.atomic
    def remove_avatar(self) -> None:
        self._replace_avatar("")

    def _replace_avatar(self, name: str) -> None:
        # Locked: of two uploads at the same time, each must remove the other's file or be removed.
        before = User.objects.select_for_update().get(pk=self.pk)
        self.avatar.name = name
        self.save(update_fields=["avatar"])
        remove_after_commit([before.avatar.name or ""])

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Deletes the row, and after that the picture. What was uploaded to snippets is left for the purge."""
        remove_after_commit([self.avatar.name or ""])
        return super().delete(*args, **kwargs)


def digest_of(secret: str) -> str:
    """What is stored of a random secret. It has 256 bits of its own, so it needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, now: datetime | models.Expression | None = None) -> "ApiTokenQuerySet":
        """Those that have not expired and whose user may sign in."""
        alive = models.Q(expires__isnull=True) | models.Q(expires__gt=now or timezone.now())
        return self.filter(alive, user__is_active=True)


class ApiToken(models.Model):
    """A named secret that stands for its user in `Authorization: Bearer`. Only its hash is stored."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"

    PREFIX = "snip_"  # so that scanners for leaked secrets recognise one
    LAST_USED_PRECISION = timedelta(hours=1)  # one write an hour instead of one a request

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    scope = models.CharField(max_length=10, choices=Scope, default=Scope.WRITE)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.scope})"

    @classmethod
    def issue(
        cls, user: User, name: str, scope: str = Scope.WRITE, expires: datetime | None = None
    ) -> tuple["ApiToken", str]:
        """A new token and its secret, which nobody can read again."""
        secret = cls.PREFIX + secrets.token_urlsafe(32)
        token = cls.objects.create(user=user, name=name, scope=scope, expires=expires, digest=digest_of(secret))
        return token, secret

    @classmethod
    def of(cls, secret: str) -> "ApiToken | None":
        """The usable token with this secret, and its user."""
        return _usable_token().first(digest=digest_of(secret), now=timezone.now())

    @property
    def may_write(self) -> bool:
        return self.scope == self.Scope.WRITE

    def touch(self) -> None:
        """Remembers that it was used, roughly."""
        now = timezone.now()
        if self.last_used is None or now - self.last_used > self.LAST_USED_PRECISION:
            ApiToken.objects.filter(pk=self.pk).update(last_used=now)


@cache
def _usable_token() -> CompiledQuery[ApiToken]:
    digest, now = Parameter("digest", models.CharField()), Parameter("now", models.DateTimeField())
    return CompiledQuery(ApiToken.objects.usable(now).filter(digest=digest).select_related("user").order_by())
