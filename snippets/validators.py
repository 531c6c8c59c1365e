"""What a snippet's fields may hold.

The errors name the rule and not the value, which may be long, or impossible to print.
"""

import unicodedata

from django.conf import settings
from django.core.exceptions import ValidationError

from snippets import languages

# They make "a\u202egpj.exe" look like "aexe.jpg".
BIDI_CONTROLS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def validate_language(alias: str) -> None:
    if not languages.is_language(alias):
        closest = languages.closest(alias)
        hint = f"Did you mean {closest!r}?" if closest else "All are listed at /languages/."
        raise ValidationError(f"Unknown language. {hint}", code="unknown_language")


def validate_style(name: str) -> None:
    if not languages.is_style(name):
        raise ValidationError("Unknown style. All are listed at /styles/.", code="unknown_style")


def validate_code(code: str) -> None:
    """Something to read, and not too long (in bytes of UTF-8)."""
    if not code.strip():
        raise ValidationError("This field may not be blank.", code="blank")
    if len(code.encode("utf-8", "surrogatepass")) > settings.CODE_MAX_BYTES:
        raise ValidationError(f"The code may be at most {settings.CODE_MAX_BYTES} bytes long.", code="too_long")


def validate_single_line(text: str) -> None:
    """No line breaks and no control characters: it stands in headings, headers and lists."""
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise ValidationError("Line breaks and control characters are not allowed.", code="not_a_single_line")


def validate_filename(filename: str) -> None:
    """A name for a file on anybody's disk; never a path."""
    validate_single_line(filename)
    if BIDI_CONTROLS & set(filename):
        raise ValidationError("No characters that turn the direction of writing.", code="not_a_filename")
    if "/" in filename or "\\" in filename or filename in (".", ".."):
        raise ValidationError("A file name, not a path: no / and no \\.", code="not_a_filename")
    if len(filename.encode("utf-8", "surrogatepass")) > 255:
        raise ValidationError("The file name may be at most 255 bytes long.", code="too_long")


def validate_media_type(media_type: str) -> None:
    """One of those that may be uploaded, as UPLOAD_TYPES has them."""
    allowed = {media_type, f"{media_type.partition('/')[0]}/*", "*/*"} & set(settings.UPLOAD_TYPES)
    if not allowed:
        raise ValidationError(
            f"Files of the type {media_type} are not taken here: only {', '.join(settings.UPLOAD_TYPES)}.",
            code="type_not_allowed",
        )
