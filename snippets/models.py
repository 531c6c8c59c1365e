"""The snippet: what it holds, and what can be done with it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.db import models, transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import User
from snippets import rendering
from snippets.comments import Discussed
from snippets.forks import DECISIVE, Forkable
from snippets.highlighting import Options
from snippets.lifetimes import Mortal
from snippets.querysets import SnippetQuerySet, stored_names
from snippets.revisions import CONTENT, COUNTED, Revised
from snippets.stars import Starred
from snippets.tags import Tagged
from snippets.validators import (
    validate_code,
    validate_filename,
    validate_language,
    validate_media_type,
    validate_single_line,
    validate_style,
)
from uploads.contents import IMAGES, inspect
from uploads.images import read_image
from uploads.keys import random_key
from uploads.quotas import lock_nobody_s_quota
from uploads.removal import remove, remove_after_commit

SLUG_LENGTH = 22  # of 62 characters: 131 bits
EXCERPT_LENGTH = 300  # characters
PREVIEW_EDGE = 640  # pixels

MEASURED = ("size", "lines", "excerpt")


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


class Snippet(Revised, Mortal, Forkable, Tagged, Starred, Discussed):
    """A piece of code, kept byte for byte."""

    title = models.CharField(max_length=200, blank=True, default="", validators=[validate_single_line])
    code = models.TextField(validators=[validate_code])
    linenos = models.BooleanField("line numbers", default=False)
    language = models.CharField(max_length=50, default="python", validators=[validate_language])
    style = models.CharField(max_length=50, default="friendly", validators=[validate_style])

    filename = models.CharField(max_length=255, blank=True, default="", validators=[validate_filename])
    description = models.TextField(max_length=5000, blank=True, default="")
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PUBLIC)
    slug = models.CharField(max_length=SLUG_LENGTH, unique=True, default=new_slug, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    updated = models.DateTimeField(default=timezone.now, editable=False)
    # Derived from the code when it is stored, so that a list need not read the code.
    size = models.PositiveIntegerField(default=0, editable=False, help_text="Bytes of UTF-8.")
    lines = models.PositiveIntegerField(default=0, editable=False)
    excerpt = models.CharField(max_length=EXCERPT_LENGTH, default="", editable=False)

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
            models.Index(
                fields=["forked_from", "created", "id"],
                name="snippet_forked_from_created",
                condition=Q(forked_from__isnull=False),
            ),
            # For the purge; and for the counts of lists, which need not read the rows then.
            models.Index(fields=["expires"], name="snippet_expires", condition=Q(expires__isnull=False)),
            models.Index(fields=["visibility", "expires"], name="snippet_visibility_expires"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(burn_after_read=False) | ~Q(visibility="public"), name="snippet_burning_is_not_public"
            ),
        ]

    def __str__(self) -> str:
        names = () if self.burn_after_read else (self.title, self.filename)  # which may tell of what it holds
        return next(filter(None, names), f"snippet {self.pk}")

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Stores the fields as they are, as a new revision where the content differs from what is stored.

        To change some of them while others may do so too, use `revise`.
        """
        self._measure()
        if self.pk is None:
            with transaction.atomic():
                super().save(*args, **kwargs)
                self.store_tags()
            self.forget_answers(forks=False)  # the lists', which have not shown it
            return
        names = CONTENT if update_fields is None else set(update_fields).intersection(CONTENT)
        if update_fields is not None:
            update_fields = {*update_fields, *MEASURED, *COUNTED}
        with transaction.atomic():
            stored = Snippet.objects.with_authors().select_for_update(of=("self",)).filter(pk=self.pk).first()
            replaced = self.follow(stored, names) if stored else None
            super().save(*args, update_fields=update_fields, **kwargs)
            if replaced:
                replaced.save()
            self.store_tags()
        self.forget_answers(forks=any(getattr(stored, name) != getattr(self, name) for name in DECISIVE if stored))

    @transaction.atomic
    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Deletes the row, and after that what has been uploaded to it."""
        remove_after_commit(stored_names(Snippet.objects.filter(pk=self.pk)))
        self.forget_answers(forks=True)
        return super().delete(*args, **kwargs)

    def revise(self, *, author: Any = None, message: str = "", **changes: Any) -> None:
        """Stores changed fields as the next version; StaleVersionError if that exists already.

        Where they change the content, what they replace is kept as a revision.
        """
        for name, value in changes.items():
            setattr(self, name, value)
        self._measure()
        changes.pop("tag_names", None)  # which have a table of their own
        stored = changes | {name: getattr(self, name) for name in MEASURED}
        stored |= {"version": self.version + 1, "updated": timezone.now()}
        here = Snippet.objects.filter(pk=self.pk, version=self.version)
        with transaction.atomic():
            before = None if changes.keys().isdisjoint(CONTENT) else here.with_authors().first()
            replaced = before.newest() if before and before.differs(changes) else None
            if before and replaced:
                stored |= before.following(author, message, stored["updated"])
            if not here.update(**stored):
                raise StaleVersionError
            if replaced:
                replaced.save()
            self.store_tags()
        self.forget_answers(forks=not changes.keys().isdisjoint(DECISIVE))
        for name in COUNTED:
            setattr(self, name, stored.get(name, getattr(self, name)))

    def describe_as_new(self) -> None:
        """Fills in what a queryset's `described_for` finds of a new row: nobody has done anything to it yet."""
        for name, value in {"joined_tags": None, "star_count": 0, "comment_count": 0, "is_starred": False}.items():
            self.__dict__.setdefault(name, value)

    def _measure(self) -> None:
        self.size = len(self.code.encode())
        self.lines = self.code.count("\n") + (not self.code.endswith("\n"))
        self.excerpt = self.code[:EXCERPT_LENGTH]

    @property
    def ref(self) -> str:
        """What its address ends in, for others: the number, or the slug where knowing that is what lets them in."""
        return str(self.pk) if self.visibility == Visibility.PUBLIC else self.slug

    def options(self, format: str, **chosen: Any) -> Options:
        """How it is rendered: as stored, unless the reader has chosen otherwise."""
        stored: dict[str, Any] = {"language": self.language, "style": self.style, "linenos": self.linenos}
        return Options(format=format, **(stored | chosen))

    def render(self, options: Options) -> rendering.Rendering:
        return rendering.render(self.code, options, keep=min(self.seconds_left, rendering.KEEP_RENDERED))

    def check_room_for(self, attachments: Sequence["Attachment"]) -> None:
        """ValidationError where these would be more than a snippet, or its owner, may have."""
        if self.burn_after_read:  # its content is given once; a file may be fetched in pieces
            raise ValidationError("A snippet that burns after reading takes no files.", code="burns")
        # What nobody owns counts together, as if one user did: else it would have no limit at all.
        owned = Attachment.objects.filter(snippet__owner=self.owner_id).aggregate(
            count=Count("pk", filter=Q(snippet=self)),
            of_snippet=Sum("size", filter=Q(snippet=self), default=0),
            of_owner=Sum("size", default=0),
        )
        adding = sum(attachment.size for attachment in attachments)
        if owned["count"] + len(attachments) > settings.SNIPPET_UPLOADS_MAX_COUNT:
            raise ValidationError(
                f"A snippet may have at most {settings.SNIPPET_UPLOADS_MAX_COUNT} attachments.", code="too_many"
            )
        if owned["of_snippet"] + adding > settings.SNIPPET_UPLOADS_MAX_BYTES:
            message = f"A snippet's attachments may be at most {settings.SNIPPET_UPLOADS_MAX_BYTES} bytes together."
            raise ValidationError(message, code="snippet_full")
        if owned["of_owner"] + adding > settings.USER_UPLOADS_MAX_BYTES:
            message = f"A user's attachments may be at most {settings.USER_UPLOADS_MAX_BYTES} bytes together."
            raise ValidationError(message, code="quota")


def attachment_key(attachment: "Attachment", filename: str) -> str:
    return random_key("attachments")


def preview_key(attachment: "Attachment", filename: str) -> str:
    return random_key("previews")


class Attachment(models.Model):
    """A file that belongs to a snippet. Who sees the snippet sees it; who changes the snippet adds and removes it."""

    snippet = models.ForeignKey(Snippet, on_delete=models.CASCADE, related_name="attachments")
    file = models.FileField(upload_to=attachment_key)
    preview = models.FileField(upload_to=preview_key, blank=True)
    name = models.CharField(max_length=255, validators=[validate_filename])
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    content_type = models.CharField(max_length=100, help_text="As the content shows it.")
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    uploader = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(default=timezone.now)

    incoming: dict[str, File]  # the contents of the fields, until they are stored

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of(cls, upload: UploadedFile) -> "Attachment":
        """One made of an uploaded file, not stored yet; ValidationError where it may not be stored."""
        attachment = cls(name=upload.name or "")
        try:
            validate_filename(attachment.name)
            attachment._describe(upload)
        except ValidationError as error:
            raise ValidationError(f"{attachment.name}: {error.message}", code=error.code) from error
        return attachment

    def _describe(self, upload: UploadedFile) -> None:
        contents = inspect(upload)
        validate_media_type(contents.media_type)
        self.size, self.content_type, self.sha256 = contents.size, contents.media_type, contents.sha256
        upload.content_type = contents.media_type  # which some storages keep with the file
        self.incoming = {"file": upload}
        if contents.media_type in IMAGES:
            image = read_image(upload, contents.media_type, edge=PREVIEW_EDGE)
            self.width, self.height = image.width, image.height
            self.incoming["preview"] = image.as_file()

    @classmethod
    def add(cls, attachments: Sequence["Attachment"], lock: Callable[[], Snippet], uploader: Any) -> None:
        """Stores the files, and then all rows or none: what a row names must be there.

        `lock` gives the snippet, locked, at the end: it may have been deleted while the files were on their way.
        """
        committing = False
        try:
            for attachment in attachments:
                for field, content in attachment.incoming.items():
                    getattr(attachment, field).save("", content, save=False)
            with transaction.atomic():
                snippet = lock()
                # The other snippets of the owner may be added to at the same time.
                if snippet.owner_id:
                    User.objects.select_for_update().get(pk=snippet.owner_id)
                else:
                    lock_nobody_s_quota()
                snippet.check_room_for(attachments)
                for attachment in attachments:
                    attachment.snippet, attachment.uploader = snippet, uploader
                    attachment.save()
                committing = True
        finally:
            if not committing:  # of a commit that failed it is not known whether the rows are there
                remove(name for attachment in attachments for name in attachment.stored_names())

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Deletes the row, and after that the files."""
        remove_after_commit(self.stored_names())
        return super().delete(*args, **kwargs)

    def stored_names(self) -> list[str]:
        return [str(name) for name in (self.file.name, self.preview.name) if name]
