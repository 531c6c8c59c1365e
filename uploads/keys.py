"""Under which names files are stored. Nothing of what a client sends is a part of them."""

import secrets

PROBES = "probes"  # the folder of files that are stored only to see whether that works


def random_key(folder: str) -> str:
    """A new name of 128 random bits, in one of 256 folders, so that none of them grows too long to be listed."""
    digits = secrets.token_hex(16)
    return f"{folder}/{digits[:2]}/{digits[2:]}"
