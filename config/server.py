"""Becomes uWSGI: what every start of it has in common, on a laptop and behind nginx."""

import os
import sys
import sysconfig
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

SCRIPTS = Path(sysconfig.get_path("scripts"))


def exec_uwsgi(*arguments: str) -> None:
    """Replaces this process. What config/uwsgi.ini takes from the environment is set here, from the settings."""
    uwsgi = SCRIPTS / "uwsgi"
    if not uwsgi.exists():
        raise CommandError(f"{uwsgi} is missing. Install the requirements again: rm -r .venv && make install")
    environment = os.environ | {
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "VIRTUAL_ENV": sys.prefix,
        "UWSGI_PROCESSES": str(settings.UWSGI_PROCESSES),
        "UWSGI_THREADS": str(settings.UWSGI_THREADS),
    }
    if settings.UWSGI_STATS:
        arguments = (*arguments, "--stats", settings.UWSGI_STATS)
        environment.pop("UWSGI_STATS", None)  # which uWSGI would read itself, as a second one
    ini = settings.BASE_DIR / "config" / "uwsgi.ini"
    os.execve(uwsgi, [str(uwsgi), "--ini", str(ini), *arguments], environment)  # noqa: S606 - no shell
