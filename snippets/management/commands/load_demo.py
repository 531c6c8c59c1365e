"""`manage.py load_demo`: something to look at in an empty database."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils.crypto import get_random_string

from accounts.models import ApiToken
from snippets.models import Snippet

DEMO: list[dict[str, Any]] = [
    {
        "title": "Greatest common divisor",
        "filename": "gcd.py",
        "language": "python",
        "description": "Euclid's algorithm.",
        "code": "def gcd(a: int, b: int) -> int:\n    while b:\n        a, b = b, a % b\n    return a\n\n\n"
        "print(gcd(1071, 462))\n",
    },
    {
        "title": "Debounce",
        "filename": "debounce.js",
        "language": "javascript",
        "style": "monokai",
        "code": "export function debounce(action, wait) {\n  let timer;\n  return (...args) => {\n"
        "    clearTimeout(timer);\n    timer = setTimeout(() => action(...args), wait);\n  };\n}\n",
    },
    {
        "title": "Newest row of each customer",
        "filename": "newest.sql",
        "language": "sql",
        "linenos": True,
        "code": "SELECT DISTINCT ON (customer_id) customer_id, total, created\nFROM orders\n"
        "ORDER BY customer_id, created DESC;\n",
    },
    {
        "title": "Largest folders",
        "filename": "largest.sh",
        "language": "bash",
        "code": "#!/usr/bin/env bash\nset -euo pipefail\n"
        'du --max-depth=1 --human-readable "${1:-.}" | sort --human --reverse | head\n',
    },
    {
        "title": "Read lines",
        "filename": "lines.rs",
        "language": "rust",
        "style": "gruvbox-light",
        "code": "use std::io::{self, BufRead};\n\nfn main() -> io::Result<()> {\n"
        "    for (number, line) in io::stdin().lock().lines().enumerate() {\n"
        '        println!("{:>4} {}", number + 1, line?);\n    }\n    Ok(())\n}\n',
    },
]


class Command(BaseCommand):
    help = "Loads a demo user and a few snippets into a database that has neither users nor snippets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="Where the service will be reached.")

    @transaction.atomic
    def handle(self, *args: Any, url: str, **options: Any) -> None:
        users = get_user_model().objects
        self.stdout.write(f"Open {url}/ in a browser, or {url}/docs/ for the API's description.")
        if users.exists() or Snippet.objects.exists():
            self.stdout.write(f"Try: curl {url}/snippets/")
            return
        password = get_random_string(16)
        demo = users.create_user("demo", password=password)
        _, secret = ApiToken.issue(demo, "demo")
        for fields in DEMO:
            Snippet(owner=demo, **fields).save()
        self.stdout.write(
            f"A demo user has been made. This is shown once:\n  user: demo  password: {password}\n  token: {secret}\n"
            f"Try:\n  curl {url}/snippets/ -H 'Authorization: Bearer {secret}' "
            '-H \'Content-Type: application/json\' -d \'{"title": "Hello", "code": "print(42)\\n"}\''
        )
