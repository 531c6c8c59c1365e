"""Reads settings from environment variables; a value that makes no sense stops the start, naming its variable."""

import os
import re
import ssl
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

Value = TypeVar("Value")

ORIGIN = re.compile(r"https?://[^/\s]+")
# As Amazon has them, and others that speak S3's protocol: a bucket's name may become a part of a host's.
BUCKET = re.compile(r"(?!\d+(\.\d+){3}\Z)(?=.{3,63}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
FOLDER = re.compile(r"[\w-]+(/[\w-]+)*", re.ASCII)
HOST = re.compile(r"\*|\.?[\w-]+(\.[\w-]+)*|\[[0-9A-Fa-f:.]+\]")
HOST_NAME = re.compile(r"[\w-]+(\.[\w-]+)*")
CACHE_SCHEMES = {  # and what names their place: a table, or a host
    "dbcache": re.compile(r"[A-Za-z_]\w*"),
    "redis": re.compile(r".+"),
    "rediss": re.compile(r".+"),
    "locmemcache": re.compile(r".*"),
}
DATABASE_SCHEMES = ("sqlite", "postgres", "postgresql")
IN_THE_ADDRESS = {"user", "password", "port", "dbname"}  # what a database's URL says before its query


def _ports(netloc: str) -> list[int | None]:
    """The port of each host; raises ValueError where there is no such port."""
    return [urlsplit(f"//{host}").port for host in netloc.rpartition("@")[2].split(",")]


def _check_certificates(name: str, path: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:  # ssl.SSLError is one, where the file holds something else
        reason = getattr(error, "reason", None) or error.strerror
        message = f"{name} must be the path of a file with CA certificates in PEM: {reason}."
        raise ImproperlyConfigured(message) from error


def _check_options(name: str, options: dict[str, Any]) -> None:
    """Refuses what libpq does not know: it would be an error of each connection, and so of each request."""
    from psycopg import pq  # whoever uses SQLite does not need it

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} - IN_THE_ADDRESS
    for option in options:
        if option not in known:
            raise ImproperlyConfigured(f"{name}: {option[:50]!r} is no option of a connection to PostgreSQL.")
    if "sslrootcert" in options:
        _check_certificates(f"{name}: its sslrootcert", Path(str(options["sslrootcert"])))


def split(text: str) -> list[str]:
    """What stands between the commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


class Environment:
    """Typed access to the variables; `NAME_FILE` names a file that holds the value of `NAME` (a mounted secret)."""

    def __init__(self, env_file: str | None, default_env_file: Path) -> None:
        """Reads the file that is named, which must be there, or the default one if it is there."""
        self.env = environ.Env()
        if not env_file and not default_env_file.exists():
            return
        try:
            with Path(env_file or default_env_file).open(encoding="utf-8") as lines:
                self.env.read_env(lines)
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"ENV_FILE: cannot read {env_file or default_env_file}: {error}") from error

    def text(self, name: str, default: str = "") -> str:
        """The variable's text; an empty variable counts as one that is not set."""
        path = os.environ.get(f"{name}_FILE")
        if not path:
            return os.environ.get(name, "").strip() or default
        if os.environ.get(name):
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: choose one.")
        try:
            return Path(path).read_text(encoding="utf-8").strip() or default
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE: cannot read {path!r}: {error}") from error

    def required(self, name: str, because: str) -> str:
        """The variable's text, which must be there."""
        text = self.text(name)
        if not text:
            raise ImproperlyConfigured(f"{name} is not set: {because} needs it.")
        return text

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
        return split(self.text(name, default))

    def hosts(self, name: str, default: str) -> list[str]:
        """A list of host names or addresses, without scheme and port; `.example.org` is every subdomain, `*` all."""
        hosts = self.words(name, default)
        if not all(HOST.fullmatch(host) for host in hosts):
            raise ImproperlyConfigured(f"{name} must be host names such as snippets.example.org, separated by commas.")
        return hosts

    def host(self, name: str) -> str:
        """One host name, without scheme and port."""
        host = self.text(name)
        if host and not HOST_NAME.fullmatch(host):
            raise ImproperlyConfigured(f"{name} must be a host name such as db.example.org, without a port.")
        return host

    def certificates(self, name: str, folder: Path) -> str:
        """The path of a file of CA certificates; a relative one is in the folder."""
        path = self.text(name)
        if not path:
            return ""
        _check_certificates(name, folder / path)
        return str(folder / path)

    def origins(self, name: str) -> list[str]:
        """A list of origins: scheme and host, with a port if it is not the usual one."""
        origins = self.words(name)
        if not all(ORIGIN.fullmatch(origin) for origin in origins):
            raise ImproperlyConfigured(f"{name} must be origins such as https://example.org, separated by commas.")
        return origins

    def networks(self, name: str) -> list[IPv4Network | IPv6Network]:
        """A list of networks such as 10.0.0.0/8; an address alone is a network of one."""
        wanted = "must be addresses or networks such as 10.0.0.0/8, separated by commas"
        return self._parse(name, "", lambda text: [ip_network(word) for word in split(text)], wanted)

    def origin(self, name: str) -> str:
        """One origin, or nothing."""
        origin = self.text(name).rstrip("/")
        if origin and not ORIGIN.fullmatch(origin):
            raise ImproperlyConfigured(f"{name} must be an origin such as https://storage.example.org.")
        return origin

    def media_types(self, name: str, default: str, known: tuple[str, ...]) -> list[str]:
        """A list of known media types; `image/*` is every image, `*/*` everything."""
        types = [word.lower() for word in self.words(name, default)]
        possible = {*known, "*/*", *(f"{media_type.partition('/')[0]}/*" for media_type in known)}
        if not possible.issuperset(types):
            raise ImproperlyConfigured(
                f"{name} must be types such as image/*,application/pdf, separated by commas. "
                f"Possible are {', '.join(known)}, and with * in place of a part."
            )
        return types

    def bucket(self, name: str, because: str) -> str:
        """The name of a bucket, which must be there."""
        bucket = self.required(name, because)
        if not BUCKET.fullmatch(bucket):
            raise ImproperlyConfigured(
                f"{name} must be the name of a bucket: 3 to 63 lowercase letters, digits, hyphens and dots, such as "
                "snippets-uploads."
            )
        return bucket

    def folder(self, name: str, default: str) -> str:
        """The path of a folder in a storage. Slashes at its ends count for nothing."""
        folder = self.text(name, default).strip("/")
        if not FOLDER.fullmatch(folder):
            raise ImproperlyConfigured(f"{name} must be a path of letters, digits, _ and -, such as uploads/snippets.")
        return folder

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """One of the words; without any, the default, which may be empty."""
        value = self.text(name, default)
        if value != default and value not in choices:
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

    def database(self, name: str) -> dict[str, Any]:
        """Django's settings of the database that the URL names; empty without one."""
        if not self.text(name):
            return {}

        def parse(text: str) -> dict[str, Any]:
            url = urlsplit(text)
            if url.scheme not in DATABASE_SCHEMES:  # of others, the library shows the password in a warning
                raise ValueError(name)
            config: dict[str, Any] = self.env.db_url_config(text)
            # A database in memory would be another one for each connection. An @ or a / comes from a password that
            # is not percent-encoded.
            if config["NAME"] in ("", ":memory:") or (url.scheme != "sqlite" and set("@/") & set(config["NAME"])):
                raise ValueError(name)
            # The user would be that of the operating system. A port that is none raises; 0 counts as none.
            if url.scheme != "sqlite" and (not config["USER"] or 0 in _ports(url.netloc)):
                raise ValueError(name)
            return config

        wanted = "must look like postgres://user:password@host:5432/name or sqlite:////path/to/file"
        config = self._parse(name, "", parse, wanted)
        if not config["ENGINE"].endswith("sqlite3"):
            _check_options(name, config.get("OPTIONS", {}))
        return config

    def cache(self, name: str, default: str) -> dict[str, Any]:
        wanted = "must look like dbcache://table, redis://host:6379/0 or locmemcache://"

        def parse(text: str) -> dict[str, Any]:
            url = urlsplit(text)
            place = CACHE_SCHEMES[url.scheme]
            if not place.fullmatch(url.netloc) or url.port == 0:  # asking for the port raises where it is no number
                raise ValueError(name)
            config: dict[str, Any] = self.env.cache_url_config(text)
            return config

        return self._parse(name, default, parse, wanted)

    def _parse(self, name: str, default: str, parse: Callable[[str], Value], wanted: str) -> Value:
        """The parsed value. The message leaves the value out, and so does the traceback: it may be a secret."""
        try:
            return parse(self.text(name, default))
        except (ValueError, KeyError, TypeError):
            raise ImproperlyConfigured(f"{name} {wanted}.") from None
