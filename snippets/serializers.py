"""Snippets as the API shows and takes them."""

import re
from typing import Any, cast
from urllib.parse import urlencode

from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import SkipField
from rest_framework.reverse import reverse

from api.serializers import StrictModelSerializer, StrictSerializer
from snippets import languages
from snippets.address_fields import AddressField
from snippets.highlighting import MAX_HL_LINES, MAX_LINENOSTART, MAX_LINES
from snippets.lifetime_serializers import LIFETIME_FIELDS, LifetimeMixin
from snippets.models import Attachment, Snippet
from snippets.revision_serializers import RevisionMessageField
from snippets.tag_fields import TagsField
from snippets.tags import Tag
from snippets.validators import validate_language, validate_style


class SnippetSerializer(StrictModelSerializer):
    """The six fields that every client knows. Needs no request."""

    class Meta:
        model = Snippet
        fields = ["pk", "title", "code", "linenos", "language", "style"]
        extra_kwargs: dict[str, Any] = {
            "title": {"required": False},
            "code": {"trim_whitespace": False, "style": {"base_template": "textarea.html"}},
            "language": {"allow_blank": True, "required": False},
            "style": {"allow_blank": True, "required": False},
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Leaves out what a form has left empty; a new snippet without language gets that of its file name or code."""
        for name in ("language", "style"):
            if attrs.get(name) == "":
                del attrs[name]
        if self.instance is None and "language" not in attrs:
            detected = languages.detect(attrs.get("filename", ""), attrs["code"])
            if detected:
                attrs["language"] = detected
        return attrs

    def update(self, instance: Snippet, validated_data: dict[str, Any]) -> Snippet:
        author, message = validated_data.pop("author", None), validated_data.pop("revision_message", "")
        changes = {name: value for name, value in validated_data.items() if getattr(instance, name) != value}
        if changes:
            instance.revise(author=author, message=message, **changes)
        return instance


class SnippetDetailSerializer(LifetimeMixin, SnippetSerializer):
    """Everything about a snippet."""

    echoed_fields = ("edit_key", "excerpt")
    may_repeat = ("tags",)
    url = AddressField("snippet-detail", help_text="The address that works for others.")
    attachments = AddressField("attachment-list", help_text="The address of its files.")
    revisions = AddressField("revision-list", help_text="The address of its history.")
    forked_from = AddressField(
        "snippet-detail",
        source="visible_source",
        allow_null=True,
        help_text="The address of what it is a fork of, for who may know that.",
    )
    owner = serializers.CharField(source="owner_name", read_only=True, allow_null=True)
    message = RevisionMessageField()
    tags = TagsField(source="tag_names", required=False, style={"template": "snippets/tags_input.html"})
    stars = serializers.IntegerField(source="star_count", read_only=True, help_text="How many have starred it.")
    starred = serializers.SerializerMethodField(help_text="Whether you have.")
    comments = serializers.IntegerField(source="comment_count", read_only=True, help_text="How many it has.")
    comments_url = AddressField("comment-list", help_text="The address of its comments.")

    class Meta(SnippetSerializer.Meta):
        described = ["url", "filename", "description", "owner", "visibility", "slug", "version", "created", "updated"]
        children = ["attachments", "revision", "revisions", "forked_from", "message"]
        company = ["tags", "stars", "starred", "comments", "comments_url"]
        ending = [*LIFETIME_FIELDS, "size", "lines"]
        fields = [*SnippetSerializer.Meta.fields, *described, *ending, *children, *company]
        read_only_fields = ["slug", "version", "created", "updated", "size", "lines", "revision"]
        extra_kwargs = SnippetSerializer.Meta.extra_kwargs | {
            "filename": {"required": False},
            "description": {"trim_whitespace": False, "style": {"base_template": "textarea.html", "rows": 3}},
            "visibility": {"error_messages": {"invalid_choice": "Must be public, unlisted or private."}},
        }

    def get_starred(self, snippet: Snippet) -> bool:
        return snippet.is_starred_by(self.context["request"].user)


class CreatedSnippetSerializer(SnippetDetailSerializer):
    """A snippet just posted. `edit_key` is shown this once, and only to who posted without an account."""

    edit_key = serializers.CharField(read_only=True, allow_null=True)

    class Meta(SnippetDetailSerializer.Meta):
        fields = [*SnippetDetailSerializer.Meta.fields, "edit_key"]


class CodeOnRequestField(serializers.CharField):
    """The code, where the list was asked to include it."""

    def get_attribute(self, snippet: Snippet) -> str:
        if self.context["include"] != "code":
            raise SkipField
        return snippet.code


class SnippetRowSerializer(SnippetDetailSerializer):
    """A snippet in a list: the beginning of its code, and all of it where the list was asked to include it."""

    code = CodeOnRequestField(required=False, help_text="With `?include=code`.")

    class Meta(SnippetDetailSerializer.Meta):
        fields = [*SnippetDetailSerializer.Meta.fields, "excerpt"]
        read_only_fields = [*SnippetDetailSerializer.Meta.read_only_fields, "excerpt"]


class ForkSerializer(StrictModelSerializer):
    """What may be said of a copy."""

    class Meta:
        model = Snippet
        fields = ["visibility"]
        extra_kwargs = {"visibility": SnippetDetailSerializer.Meta.extra_kwargs["visibility"]}


class UploadedField(serializers.FileField):
    """An uploaded file as an attachment that is not stored yet."""

    def to_internal_value(self, data: Any) -> Attachment:
        return Attachment.of(cast(UploadedFile, super().to_internal_value(data)))


class UploadedFilesField(serializers.ListField):
    child = UploadedField()

    def run_child_validation(self, data: list[Any]) -> list[Attachment]:
        """Ends at the first that is refused: its error names it, and none is taken without the others."""
        return [self.child.run_validation(file) for file in data]


class NewAttachmentsSerializer(StrictSerializer):
    """One file, or several at once, each sent as `file`."""

    may_repeat = ("file",)
    file = UploadedFilesField(allow_empty=False)


class AttachmentSerializer(StrictModelSerializer):
    """A file of a snippet."""

    url = serializers.SerializerMethodField()
    content = serializers.SerializerMethodField(help_text="Where the file itself is.")
    preview = serializers.SerializerMethodField(help_text="Where a small picture of it is; null where there is none.")
    uploader: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = Attachment
        described = ["name", "size", "content_type", "sha256", "width", "height", "uploader", "created"]
        fields = ["url", "pk", *described, "content", "preview"]
        read_only_fields = fields

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_url(self, attachment: Attachment) -> str:
        return self._address("attachment-detail", attachment)

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_content(self, attachment: Attachment) -> str:
        return self._address("attachment-content", attachment)

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_preview(self, attachment: Attachment) -> str | None:
        return self._address("attachment-preview", attachment) if attachment.preview else None

    def _address(self, name: str, attachment: Attachment) -> str:
        parts = {"ref": self.context["snippet"].ref, "pk": attachment.pk}
        address: str = reverse(name, kwargs=parts, request=self.context["request"])
        return address


class LanguageSerializer(serializers.Serializer):
    """A language of /languages/."""

    name = serializers.CharField()
    alias = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    filenames = serializers.ListField(child=serializers.CharField())


class StyleSerializer(serializers.Serializer):
    """A style of /styles/."""

    name = serializers.CharField()
    url = serializers.URLField()


class TagSerializer(serializers.ModelSerializer):
    """A tag of /tags/."""

    count = serializers.IntegerField(source="snippet_count", help_text="How many snippets; 1000: that many or more.")
    snippets = serializers.SerializerMethodField(help_text="The address of their list.")

    class Meta:
        model = Tag
        fields = ["name", "count", "snippets"]

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_snippets(self, tag: Tag) -> str:
        address: str = reverse("snippet-list", request=self.context["request"])
        return f"{address}?{urlencode({'tag': tag.name})}"


class PageSerializer(serializers.Serializer):
    """A list that is always one page."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class LanguagePageSerializer(PageSerializer):
    results = LanguageSerializer(many=True)


class StylePageSerializer(PageSerializer):
    results = StyleSerializer(many=True)


class AttachmentPageSerializer(PageSerializer):
    results = AttachmentSerializer(many=True)


@extend_schema_field({"type": "string", "pattern": r"^[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*$"})
class LineRangesField(serializers.Field):
    """`3,7-9` as (3, 7, 8, 9)."""

    default_error_messages = {
        "invalid": "Must be line numbers and ranges such as 3,7-9.",
        "too_many": f"Must be at most {MAX_HL_LINES} lines, up to line {MAX_LINES}.",
    }

    def to_internal_value(self, data: str) -> tuple[int, ...]:
        lines: set[int] = set()
        for part in data.split(","):
            match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", part)
            if match is None:
                self.fail("invalid")
            first, last = int(match[1]), int(match[2] or match[1])
            if not 1 <= first <= last:
                self.fail("invalid")
            if last > MAX_LINES or last - first >= MAX_HL_LINES:
                self.fail("too_many")
            lines.update(range(first, last + 1))
        if len(lines) > MAX_HL_LINES:
            self.fail("too_many")
        return tuple(sorted(lines))

    def to_representation(self, value: tuple[int, ...]) -> str:
        return ",".join(map(str, value))


class HighlightOptionsSerializer(StrictSerializer):
    """What a reader may choose; the rest is as the snippet says."""

    language = serializers.CharField(required=False, validators=[validate_language], max_length=50)
    style = serializers.CharField(required=False, validators=[validate_style], max_length=50)  # type: ignore[assignment]
    linenos = serializers.BooleanField(required=False, help_text="With line numbers.")
    hl_lines = LineRangesField(required=False, help_text="Lines to mark, such as 3,7-9.")
    linenostart = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_LINENOSTART, help_text="The number of the first line."
    )
