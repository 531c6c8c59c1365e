"""Revisions as the API shows them, and what is said about a change."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from api.serializers import StrictCharField, StrictModelSerializer, StrictSerializer
from snippets.revisions import MESSAGE_LENGTH, Revision
from snippets.validators import validate_single_line

Address = extend_schema_field({"type": "string", "format": "uri"})


class RevisionMessageField(StrictCharField):
    """What to say about a change, for its revision."""

    def __init__(self, **kwargs: Any) -> None:
        rules: dict[str, Any] = {"max_length": MESSAGE_LENGTH, "validators": [validate_single_line]}
        shape: dict[str, Any] = {"source": "revision_message", "required": False, "allow_blank": True}
        help_text = "About this change, for the history."
        super().__init__(write_only=True, help_text=help_text, **rules, **shape, **kwargs)


class RestoreSerializer(StrictSerializer):
    message = RevisionMessageField()


class RevisionRowSerializer(StrictModelSerializer):
    """A revision in a list: everything but its code."""

    url = serializers.SerializerMethodField()
    raw = serializers.SerializerMethodField(help_text="Its code, byte for byte.")
    highlight = serializers.SerializerMethodField(help_text="Its code in colours.")
    diff = serializers.SerializerMethodField(help_text="What differs from the one before it.")
    author: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = Revision
        described = ["number", "title", "filename", "description", "language", "size", "lines"]
        fields = ["url", *described, "author", "message", "created", "raw", "highlight", "diff"]
        read_only_fields = fields

    @Address
    def get_url(self, revision: Revision) -> str:
        return self._address("revision-detail", revision)

    @Address
    def get_raw(self, revision: Revision) -> str:
        return self._address("revision-raw", revision)

    @Address
    def get_highlight(self, revision: Revision) -> str:
        return self._address("revision-highlight", revision)

    @Address
    def get_diff(self, revision: Revision) -> str:
        return self._address("revision-diff", revision)

    def _address(self, name: str, revision: Revision) -> str:
        parts = {"ref": self.context["snippet"].ref, "number": revision.number}
        address: str = reverse(name, kwargs=parts, request=self.context["request"])
        return address


class RevisionSerializer(RevisionRowSerializer):
    class Meta(RevisionRowSerializer.Meta):
        fields = [*RevisionRowSerializer.Meta.fields, "code"]
        read_only_fields = fields


class LineSerializer(serializers.Serializer):
    """A line of a hunk."""

    kind = serializers.ChoiceField(["same", "removed", "added"])
    old = serializers.IntegerField(allow_null=True, help_text="Its number before.")
    new = serializers.IntegerField(allow_null=True, help_text="Its number after.")
    text = serializers.CharField(trim_whitespace=False, allow_blank=True, help_text="Without its LF.")
    ended = serializers.BooleanField(help_text="Whether it has an LF, which the last line may lack.")


class HunkSerializer(serializers.Serializer):
    """What differs, with up to three lines around it."""

    old_start = serializers.IntegerField()
    old_lines = serializers.IntegerField()
    new_start = serializers.IntegerField()
    new_lines = serializers.IntegerField()
    lines = LineSerializer(many=True)


class ChangeSerializer(serializers.Serializer):
    """The value of a field before and after."""

    old = serializers.CharField(allow_blank=True)
    new = serializers.CharField(allow_blank=True)


class DiffSerializer(serializers.Serializer):
    """What differs between two revisions."""

    number = serializers.IntegerField()
    against = serializers.IntegerField(allow_null=True, help_text="null: the first one, which had none before it.")
    coarse = serializers.CharField(
        allow_null=True, help_text="Why the hunks are not as small as they could be; null where they are."
    )
    changes = serializers.DictField(child=ChangeSerializer(), help_text="Title, filename, description and language.")
    hunks = HunkSerializer(many=True)
