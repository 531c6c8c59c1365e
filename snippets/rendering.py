"""Highlighted code: from the cache, else from a child process with a deadline, else plain."""

import functools
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache

from snippets import highlighting
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
    found = cache.get_many([key, refusal])
    if key in found:
        return Rendering(found[key])
    if refusal in found:
        return Rendering(highlighting.render_plain(code, options), found[refusal])
    return _render_now(code, options, key, refusal, keep)


def _what_was_slow(code: str, options: Options) -> str:
    """A picture may be slow to draw; everything else is slow to lex, in whatever format."""
    if options.format == "png":
        return highlighting.cache_key(code, options)
    return highlighting.lexing_key(code, options.language)


def _render_now(code: str, options: Options, key: str, refusal: str, keep: float) -> Rendering:
    outcome, body = sandbox().render(code, options)
    if outcome is Outcome.HIGHLIGHTED:
        if len(body) <= LARGEST_CACHED and keep >= 1:
            cache.set(key, body, int(keep))
        return Rendering(body)
    if outcome in KEEP_REFUSED:
        cache.set(refusal, outcome.value, KEEP_REFUSED[outcome])
    return Rendering(highlighting.render_plain(code, options), outcome.value)
