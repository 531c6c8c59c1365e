"""Under which names files are stored. Nothing of what a client sends is a part of them."""

import re
import secrets

RANDOM_KEY = re.compile(r"[a-z]+/[0-9a-f]{2}/[0-9a-f]{30}")
PROBES = "probes"  # the folder of files that are stored only to see whether that works


def random_key(folder: str) -> str:
    """A new name of 128 random bits, in one of 256 folders, so that none of them grows too long to be listed."""
    digits = secrets.token_hex(16)
    return f"{folder}/{digits[:2]}/{digits[2:]}"


def is_random(name: str) -> bool:
    """Whether it is one of these, so that nobody else can have it."""
    return RANDOM_KEY.fullmatch(name) is not None
