"""Comments as the API shows and takes them."""

from typing import Any
from urllib.parse import urlencode

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from api.serializers import StrictModelSerializer
from snippets.comments import Comment, Lines
from snippets.highlighting import MAX_HL_LINES, MAX_LINES


class LinesSerializer(serializers.Serializer):
    """Lines that a comment refers to."""

    first = serializers.IntegerField(min_value=1)
    last = serializers.IntegerField(min_value=1)
    url = serializers.URLField(help_text="Where they are shown, marked.")


class CommentSerializer(StrictModelSerializer):
    """A comment on a snippet. `lines` are those that its text refers to, as `#L12` or `#L12-L20`."""

    url = serializers.SerializerMethodField()
    author: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )
    lines = serializers.SerializerMethodField()

    class Meta:
        model = Comment
        fields = ["url", "pk", "author", "body", "lines", "version", "created", "updated"]
        read_only_fields = ["version", "created", "updated"]
        extra_kwargs = {"body": {"trim_whitespace": False, "style": {"base_template": "textarea.html", "rows": 5}}}

    def update(self, instance: Comment, validated_data: dict[str, Any]) -> Comment:
        if validated_data.get("body", instance.body) != instance.body:
            instance.body = validated_data["body"]
            instance.save()
        return instance

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_url(self, comment: Comment) -> str:
        return self._address("comment-detail", pk=comment.pk)

    @extend_schema_field(LinesSerializer(many=True))
    def get_lines(self, comment: Comment) -> list[dict[str, Any]]:
        return [{**lines._asdict(), "url": self._shown(lines)} for lines in comment.lines]

    def _shown(self, lines: Lines) -> str:
        page = self._address("snippet-highlight")
        if lines.last <= MAX_LINES and lines.last - lines.first < MAX_HL_LINES:
            page += "?" + urlencode({"hl_lines": f"{lines.first}-{lines.last}"})
        return f"{page}#L{lines.first}"

    def _address(self, name: str, **parts: Any) -> str:
        parts["ref"] = self.context["snippet"].ref
        address: str = reverse(name, kwargs=parts, request=self.context["request"])
        return address
