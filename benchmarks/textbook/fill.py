"""Fills the empty database with the snippets that standard input has, as a JSON list of titles and codes; prints the
token of their owner."""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutorial.settings")
django.setup()

from django.contrib.auth.models import User
from django.db import transaction
from rest_framework.authtoken.models import Token

from snippets.models import Snippet

with transaction.atomic():
    owner = User.objects.create_user("ann")
    for fields in json.load(sys.stdin):
        Snippet.objects.create(owner=owner, **fields)
    print(Token.objects.create(user=owner).key)
