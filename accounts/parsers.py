"""The form of an account."""

from typing import IO

from rest_framework.exceptions import ValidationError

from accounts.serializers import AVATAR_ELSEWHERE
from api.parsers import MultiPartParser


class AccountFormParser(MultiPartParser):
    """A multipart form without files: a picture would be taken for text that is not UTF-8."""

    def text_of(self, name: str, file: IO[bytes]) -> str:
        raise ValidationError({name[:100]: [f"No file is taken here. {AVATAR_ELSEWHERE}"]})
