"""Conditional requests: ETags made of the snippet's version and of the representation, and what clients send back."""

import hashlib
from typing import Protocol

from django.utils.http import parse_etags
from rest_framework.request import Request

from api.exceptions import PreconditionFailed
from snippets.models import Snippet


class Versioned(Protocol):
    version: int


def etag_of_version(version: int, *representation: object) -> str:
    """`"<version>-<digest>"`: the version, so that a write can compare it, whichever representation had been read."""
    digest = hashlib.sha256(repr(representation).encode()).hexdigest()
    return f'"{version}-{digest[:16]}"'


def etag_of(snippet: Snippet, *representation: object) -> str:
    return etag_of_version(snippet.version, snippet.pk, str(snippet.visibility), *representation)


def etag_of_revision(snippet: Snippet, number: int, *representation: object) -> str:
    """`"r<number>-<digest>"`, which stays as it is when the snippet changes, and is none of the snippet's versions."""
    digest = hashlib.sha256(repr((snippet.pk, str(snippet.visibility), *representation)).encode()).hexdigest()
    return f'"r{number}-{digest[:16]}"'


def is_fresh(request: Request, etag: str) -> bool:
    """Whether the client has this representation already (304)."""
    tags = parse_etags(request.headers.get("If-None-Match", ""))
    return tags == ["*"] or etag in {tag.removeprefix("W/") for tag in tags}


def check_preconditions(request: Request, it: Versioned) -> None:
    """Refuses a write (412) whose client has read another version.

    A weak tag counts too: proxies that compress an answer weaken its tag, and the version in it is exact all the same.
    """
    if request.headers.get("If-None-Match", "").strip() == "*":  # only if there were nothing here yet
        raise PreconditionFailed
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return
    versions = {tag.removeprefix("W/").strip('"').partition("-")[0] for tag in parse_etags(header)}
    if str(it.version) not in versions:
        raise PreconditionFailed
