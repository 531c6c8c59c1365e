"""Reads settings from environment variables; a value that makes no sense stops the start, naming its variable."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

Value = TypeVar("Value")

ORIGIN = re.compile(r"https?://[^/\s]+")
CACHE_SCHEMES = {"dbcache": True, "redis": True, "rediss": True, "locmemcache": False}  # whether they need a place
DATABASE_SCHEMES = ("sqlite", "postgres", "postgresql")


class Environment:
    """Typed access to the variables; `NAME_FILE` names a file that holds the value of `NAME` (a mounted secret)."""

    def __init__(self, env_file: str | None, default_env_file: Path) -> None:
        """Reads the file that is named, which must be there, or the default one if it is there."""
        self.env = environ.Env()
        if env_file and not Path(env_file).exists():
            raise ImproperlyConfigured(f"ENV_FILE: there is no {env_file!r}.")
        path = Path(env_file) if env_file else default_env_file
        if path.exists():
            self.env.read_env(path)

    def text(self, name: str, default: str = "") -> str:
        """The variable's text; an empty variable counts as one that is not set."""
        path = os.environ.get(f"{name}_FILE")
        if not path:
            return os.environ.get(name) or default
        if os.environ.get(name):
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: choose one.")
        try:
            return Path(path).read_text(encoding="utf-8").strip() or default
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE: cannot read {path!r}: {error}") from error

    def flag(self, name: str, default: bool) -> bool:
        words = {
            "true": True,
            "1": True,
            "yes": True,
            "on": True,
            "false": False,
            "0": False,
            "no": False,
            "off": False,
        }
        return self._parse(name, str(default), lambda text: words[text.strip().lower()], "must be true or false")

    def number(self, name: str, default: float, *, minimum: float, maximum: float) -> float:
        def parse(text: str) -> float:
            value = float(text)
            if not minimum <= value <= maximum:
                raise ValueError(text)
            return value

        return self._parse(name, str(default), parse, f"must be a number from {minimum} to {maximum}")

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        def parse(text: str) -> int:
            value = int(text)
            if not minimum <= value <= maximum:
                raise ValueError(text)
            return value

        return self._parse(name, str(default), parse, f"must be a whole number from {minimum} to {maximum}")

    def words(self, name: str, default: str = "") -> list[str]:
        """A list, separated by commas."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def origins(self, name: str) -> list[str]:
        """A list of origins: scheme and host, with a port if it is not the usual one."""
        origins = self.words(name)
        if not all(ORIGIN.fullmatch(origin) for origin in origins):
            raise ImproperlyConfigured(f"{name} must be origins such as https://example.org, separated by commas.")
        return origins

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}.")
        return value

    def rate(self, name: str, default: str) -> str | None:
        """A throttle's rate such as `30/hour`; `off` gives None."""

        def parse(text: str) -> str | None:
            if text == "off":
                return None
            count, period = text.split("/")
            if int(count) < 1 or period not in ("second", "minute", "hour", "day"):
                raise ValueError(text)
            return text

        return self._parse(name, default, parse, "must look like 30/hour (second, minute, hour, day), or be off")

    def database(self, name: str, default: Path) -> dict[str, Any]:
        """Django's settings of a database; without the variable, those of an SQLite file."""
        if not self.text(name):
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(default)}

        def parse(text: str) -> dict[str, Any]:
            if urlsplit(text).scheme not in DATABASE_SCHEMES:  # of others, the library shows the password in a warning
                raise ValueError(name)
            config: dict[str, Any] = self.env.db_url_config(text)
            if not config["NAME"]:
                raise ValueError(name)
            return config

        wanted = "must look like postgres://user:password@host:5432/name or sqlite:////path/to/file"
        return self._parse(name, "", parse, wanted)

    def cache(self, name: str, default: str) -> dict[str, Any]:
        wanted = "must look like dbcache://table, redis://host:6379/0 or locmemcache://"

        def parse(text: str) -> dict[str, Any]:
            url = urlsplit(text)
            if url.scheme not in CACHE_SCHEMES or (CACHE_SCHEMES[url.scheme] and not url.netloc):
                raise ValueError(name)
            config: dict[str, Any] = self.env.cache_url_config(text)
            return config

        return self._parse(name, default, parse, wanted)

    def _parse(self, name: str, default: str, parse: Callable[[str], Value], wanted: str) -> Value:
        """The parsed value. The message leaves the value out: it may be a secret."""
        try:
            return parse(self.text(name, default))
        except (ValueError, KeyError, TypeError) as error:
            raise ImproperlyConfigured(f"{name} {wanted}.") from error
