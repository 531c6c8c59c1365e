"""The settings of the service, with SQLite as Django opens it where nobody says how."""

from config.settings import *  # noqa: F403
from config.settings import DATABASES

DATABASES = {"default": DATABASES["default"] | {"OPTIONS": {}}}
