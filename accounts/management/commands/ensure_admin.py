"""`manage.py ensure_admin`: the first admin of a new installation, from the environment."""

from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, transaction

from accounts.models import User

VARIABLES = {"username": "ADMIN_USERNAME", "email": "ADMIN_EMAIL", "password": "ADMIN_PASSWORD"}


class Command(BaseCommand):
    help = "Makes the admin that ADMIN_USERNAME, ADMIN_PASSWORD and ADMIN_EMAIL name, if there is no such user yet."

    def handle(self, *args: Any, **options: Any) -> None:
        name = settings.ADMIN_USERNAME
        if not name:
            self.stdout.write("ADMIN_USERNAME is not set: there is nothing to do.")
        elif not self.is_there(name):
            self.make(User(username=name, email=settings.ADMIN_EMAIL), settings.ADMIN_PASSWORD)

    def is_there(self, name: str) -> bool:
        """Whether there is such an admin. A user of that name who is none must not become one unasked."""
        user = User.objects.filter(username__iexact=name).first()
        if user is None:
            return False
        if not user.is_superuser:
            raise CommandError(f"ADMIN_USERNAME: there is a user {user.username} already, who is no superuser.")
        self.stdout.write(f"The admin {user.username} is there already, and stays as it is.")
        return True

    def make(self, admin: User, password: str) -> None:
        if not password:
            raise CommandError(f"ADMIN_PASSWORD is not set, and there is no user {admin.username} yet.")
        try:
            admin.full_clean(exclude=["password"], validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            field, messages = next(iter(error.message_dict.items()))
            raise CommandError(f"{VARIABLES[field]}: {' '.join(messages)}") from error
        try:
            validate_password(password, admin)
        except ValidationError as error:
            raise CommandError(f"ADMIN_PASSWORD: {' '.join(error.messages)}") from error
        try:
            with transaction.atomic():
                User.objects.create_superuser(admin.username, admin.email, password)
        except IntegrityError:  # another instance has made it at this very moment
            self.is_there(admin.username)
        else:
            self.stdout.write(f"The admin {admin.username} has been made.")
