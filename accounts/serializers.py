"""Users and tokens as the API shows and takes them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from accounts.models import ApiToken, User
from accounts.throttling import LoginThrottle
from api.serializers import StrictCharField, StrictModelSerializer, StrictSerializer

AVATAR_ELSEWHERE = "A picture is sent to /users/me/avatar/: PUT it there as a multipart form, or DELETE it."


class UserSerializer(StrictModelSerializer):
    """What everybody may know of a user."""

    url = serializers.HyperlinkedIdentityField(view_name="user-detail", lookup_field="username")
    joined = serializers.DateTimeField(source="date_joined", read_only=True)
    avatar = serializers.SerializerMethodField(help_text="Where the picture is; null where there is none.")

    class Meta:
        model = User
        fields = ["url", "username", "joined", "avatar"]
        read_only_fields = ["username"]

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_avatar(self, user: User) -> str | None:
        if not user.avatar:
            return None
        address: str = reverse("user-avatar", kwargs={"username": user.username}, request=self.context.get("request"))
        return address

    def to_internal_value(self, data: Any) -> Any:
        """What has been got may be sent back; any other picture would silently come to nothing."""
        if isinstance(data, Mapping) and "avatar" in data and not self._is_shown(data["avatar"]):
            raise serializers.ValidationError({"avatar": [AVATAR_ELSEWHERE]})
        return super().to_internal_value(data)

    def _is_shown(self, avatar: Any) -> bool:
        """Whether this is what is shown as the user's picture, at whichever host."""
        stored = self.get_avatar(self.instance) if isinstance(self.instance, User) else None
        if stored is None or not isinstance(avatar, str):
            return not avatar and not stored
        return avatar.endswith(urlsplit(stored).path)


def _checked_password(password: str, user: User) -> str:
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        raise serializers.ValidationError({"password": error.messages}) from error
    return password


class SignUpSerializer(UserSerializer):
    """A new user: name and password, and an address if you like."""

    password = StrictCharField(write_only=True, trim_whitespace=False, max_length=1000)

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "email", "password"]
        read_only_fields: list[str] = []
        extra_kwargs = {"email": {"write_only": True}}

    def validate_username(self, username: str) -> str:
        if User.objects.filter(username__iexact=username).exists():
            raise serializers.ValidationError("This name is taken.", code="unique")
        return username

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _checked_password(attrs["password"], User(username=attrs["username"], email=attrs.get("email", "")))
        return attrs

    def create(self, validated_data: dict[str, Any]) -> User:
        try:
            with transaction.atomic():
                return User.objects.create_user(**validated_data)
        except IntegrityError as error:  # somebody else has taken the name at this very moment
            raise serializers.ValidationError({"username": ["This name is taken."]}, code="unique") from error


class ProfileSerializer(UserSerializer):
    """Your own account. Changing the password needs the current one."""

    instance: User

    password = StrictCharField(write_only=True, required=False, trim_whitespace=False, max_length=1000)
    current_password = StrictCharField(write_only=True, required=False, trim_whitespace=False, max_length=1000)

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "email", "password", "current_password"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        current = attrs.pop("current_password", "")
        if "password" in attrs:
            LoginThrottle.check(self.context["request"])
            if not self.instance.check_password(current):
                raise serializers.ValidationError({"current_password": ["This is not your current password."]})
            _checked_password(attrs["password"], self.instance)
        return attrs

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        """Stores what has been given alone: a save of everything might be a new name, for which all kept answers go."""
        changed = list(validated_data)
        password = validated_data.pop("password", None)
        if password:
            instance.set_password(password)
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save(update_fields=changed)
        return instance


class AvatarSerializer(UserSerializer):
    """Where a user's picture is."""

    class Meta(UserSerializer.Meta):
        fields = ["avatar"]
        read_only_fields: list[str] = []


class NewAvatarSerializer(StrictSerializer):
    """A picture: PNG, JPEG, GIF or WebP. It is drawn anew as a square."""

    file = serializers.FileField(write_only=True)


class ApiTokenSerializer(StrictModelSerializer):
    """A token without its secret."""

    echoed_fields = ("token",)
    url = serializers.HyperlinkedIdentityField(view_name="token-detail")

    class Meta:
        model = ApiToken
        fields = ["url", "pk", "name", "scope", "created", "expires", "last_used"]
        read_only_fields = ["created", "last_used"]
        extra_kwargs = {"scope": {"error_messages": {"invalid_choice": "Must be read or write."}}}

    def validate_expires(self, expires: Any) -> Any:
        if expires is not None and expires <= timezone.now():
            raise serializers.ValidationError("This is in the past.")
        return expires


class IssuedTokenSerializer(ApiTokenSerializer):
    """A token just made, with the secret that is shown this once."""

    token = serializers.CharField(read_only=True)

    class Meta(ApiTokenSerializer.Meta):
        fields = [*ApiTokenSerializer.Meta.fields, "token"]
