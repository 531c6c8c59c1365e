"""Highlighted and compared code: from the cache, else from a child process with a deadline, else plain or coarse."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache

from snippets import differences, highlighting
from snippets.differences import Hunk
from snippets.highlighting import Options
from snippets.pictures import check_image_size
from snippets.sandbox import Outcome, Sandbox

KEEP_RENDERED = 7 * 24 * 3600  # seconds
# An honest snippet may once have been slow because the machine was busy, or its child have been killed.
KEEP_REFUSED = {Outcome.TIMEOUT: 3600, Outcome.FAILED: 60}  # seconds
LARGEST_CACHED = 2 * 1024 * 1024  # bytes

TOO_LARGE = "too_large"


@dataclass(frozen=True)
class Rendering:
    """The bytes, and why they are plain: `timeout`, `failed`, `busy` or `too_large`; None where highlighted."""

    body: bytes
    plain_because: str | None = None


@dataclass(frozen=True)
class Comparison:
    """The hunks, and why they are not as small as they could be: as with a rendering."""

    hunks: list[Hunk]
    coarse_because: str | None = None


@functools.cache
def sandbox() -> Sandbox:
    return Sandbox(timeout=settings.HIGHLIGHT_TIMEOUT, processes=settings.HIGHLIGHT_PROCESSES)


def render(code: str, options: Options, keep: float = KEEP_RENDERED) -> Rendering:
    """The code in the format that the options name, kept for later readers for `keep` seconds. Raises ImageTooLarge.

    What does not end in time comes as plain text in the same format. That is remembered for the pair of code and
    language, whatever the other options: else each variation of them would cost the whole deadline again.
    """
    if options.format == "png":
        check_image_size(code)
    if highlighting.too_large(code):
        return Rendering(highlighting.render_plain(code, options), TOO_LARGE)
    key = f"rendered:{highlighting.cache_key(code, options)}"
    refusal = f"refused:{_what_was_slow(code, options)}"
    body, reason = _remembered(key, refusal, lambda: sandbox().render(code, options), keep)
    return Rendering(highlighting.render_plain(code, options) if body is None else body, reason)


def compare(old: str, new: str) -> Comparison:
    """What differs. What cannot be found out in time is one hunk, from the first line that differs to the last.

    Raises DifferenceTooLarge."""
    whole = differences.whole(old, new)
    differences.check_size(whole)
    if all(map(differences.is_exact, whole)):
        return Comparison(differences.hunks(old, new, whole))
    key = differences.cache_key(old, new)
    answer, reason = _remembered(f"compared:{key}", f"refused:{key}", lambda: sandbox().compare(old, new))
    blocks = whole if answer is None else json.loads(answer)
    return Comparison(differences.hunks(old, new, blocks), reason)


def _what_was_slow(code: str, options: Options) -> str:
    """A picture may be slow to draw; everything else is slow to lex, in whatever format."""
    if options.format == "png":
        return highlighting.cache_key(code, options)
    return highlighting.lexing_key(code, options.language)


def _remembered(
    key: str, refusal: str, job: Callable[[], tuple[Outcome, bytes]], keep: float = KEEP_RENDERED
) -> tuple[bytes, None] | tuple[None, str]:
    """What the job answers, or has answered before; else nothing and why."""
    found = cache.get_many([key, refusal])
    if key in found:
        return found[key], None
    if refusal in found:
        return None, found[refusal]
    outcome, body = job()
    if outcome is Outcome.DONE:
        if len(body) <= LARGEST_CACHED and keep >= 1:
            cache.set(key, body, int(keep))
        return body, None
    if outcome in KEEP_REFUSED:
        cache.set(refusal, outcome.value, KEEP_REFUSED[outcome])
    return None, outcome.value
