"""Who may see which snippets. Lists, details, searches, counts and downloads all ask here.

- public: everybody, in lists and by either address;
- unlisted: who holds the link (the slug), and its owner;
- private: its owner.

By its number (pk) you reach what is public or yours, so that numbers cannot be tried out for unlisted links.
At the second at which it expires, a snippet is gone for all of them. What burns after reading is found by its address;
what is shown of it is for `Snippet.conceals_from` to say. No list of others has it, and no search finds it.

Staff see everything, what has expired too. Of a snippet posted by nobody, whoever shows its edit key is the owner.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    Expression,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast
from django.utils import timezone

from api.response_cache import forget
from snippets import languages, search
from snippets.comments import Comment
from snippets.stars import Star
from snippets.tags import Tag
from uploads.removal import remove_after_commit

if TYPE_CHECKING:
    from snippets.models import Snippet

NEWEST_FIRST = "-created"  # the order of lists that are asked for none
LARGEST_PK = 2**63 - 1  # which no sequence ever reaches


@dataclass(frozen=True)
class AnyVisitor:
    """Stands for all visitors of a kind, where it is not known yet who of them asks."""

    is_staff: bool
    is_authenticated: bool
    pk: Expression


Visitor = AbstractUser | AnonymousUser | AnyVisitor


class Address(NamedTuple):
    """Where a snippet is found: a field (`pk` or `slug`), and its value there."""

    field: str
    value: Any

    @classmethod
    def of(cls, ref: str) -> "Address":
        """What the end of its address means: a number, or a slug."""
        return cls("pk", min(int(ref), LARGEST_PK)) if ref.isdigit() else cls("slug", ref)


def stored_names(snippets: "QuerySet[Snippet]") -> list[str]:
    """The names under which the storage has the files of all these."""
    names = snippets.order_by().values_list("attachments__file", "attachments__preview")
    return [name for pair in names for name in pair if name]


class RowCount(Subquery):
    """How many rows a subquery has."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


class JoinedNames(Subquery):
    """The names of a subquery's rows with a space between them; NULL where there are none."""

    template = "(SELECT %(function)s(name, ' ') FROM (%(subquery)s) named)"
    output_field = TextField()

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        function = "GROUP_CONCAT" if connection.vendor == "sqlite" else "STRING_AGG"
        return super().as_sql(compiler, connection, function=function, **context)


class SnippetQuerySet(QuerySet["Snippet"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """Deletes the rows, and after that what has been uploaded to them."""
        remove_after_commit(stored_names(self))
        forks: SnippetQuerySet = self.model._default_manager.filter(forked_from__in=self.order_by().values("pk"))
        forget(*self.values_list("pk", flat=True), *forks.values_list("pk", flat=True))
        return self.delete_rows()

    def delete_rows(self) -> tuple[int, dict[str, int]]:
        """Deletes the rows alone: their files are for the caller to remove."""
        return super().delete()

    @staticmethod
    def _alive(now: Expression | None = None) -> Q:
        return Q(expires__isnull=True) | Q(expires__gt=now or timezone.now())

    def expired(self) -> "SnippetQuerySet":
        return self.filter(expires__lte=timezone.now())

    def listed_for(self, user: Visitor, now: Expression | None = None) -> "SnippetQuerySet":
        """What lists, counts and searches show. What burns after reading is never public."""
        if user.is_staff:
            return self.filter(Q(burn_after_read=False) | Q(owner_id=user.pk))
        return self.filter(self._alive(now) & self._public_or_of(user))

    def at(self, ref: str, user: Visitor, edit_key_digests: Iterable[str] = ()) -> "SnippetQuerySet":
        """The snippet at the address `ref` (a number or a slug), where this visitor may see it; at most one row."""
        return self.found_at(Address.of(ref), user, [digest for digest in edit_key_digests if digest])

    def found_at(
        self, address: Address, user: Visitor, edit_key_digests: list[Any], now: Expression | None = None
    ) -> "SnippetQuerySet":
        """The same, of values that need not be known yet."""
        here = Q(**{address.field: address.value})
        if user.is_staff:
            return self.filter(here)
        seen = self._public_or_of(user)
        if address.field == "slug":
            seen |= Q(visibility="unlisted")
        if edit_key_digests:
            seen |= Q(owner__isnull=True, edit_key_digest__in=edit_key_digests)
        return self.filter(self._alive(now) & here & seen)

    def with_authors(self) -> "SnippetQuerySet":
        """Each with who made it, and who made its newest revision."""
        return self.select_related("owner", "revised_by")

    @staticmethod
    def _public_or_of(user: Visitor) -> Q:
        """Of an anonymous visitor nothing is: `owner_id = NULL` must never come to mean every snippet without owner."""
        public = Q(visibility="public")
        return public | Q(owner_id=user.pk) if user.is_authenticated else public

    def in_language(self, alias: str) -> "SnippetQuerySet":
        """Written in this language, under whichever of its names."""
        return self.filter(language__in=sorted(languages.aliases_of(alias)))

    def search(self, query: str) -> "SnippetQuerySet":
        """Rows that have every term of `query`; see snippets.search. What burns after reading is in no index."""
        return search.matching(self.filter(burn_after_read=False), query)

    def first_found(self, query: str, count: int) -> list[int]:
        """The keys of the first `count` rows that a search finds, for which it may not have to find all of them."""
        return search.first_keys(self.filter(burn_after_read=False), query, count)

    def tagged(self, names: Iterable[str]) -> "SnippetQuerySet":
        """Those that have all of these tags."""
        wanted = set(names)
        # By their numbers, of which the database knows how frequent each is: that decides where it best begins.
        tags = list(Tag.objects.filter(name__in=wanted).values_list("pk", flat=True))
        if len(tags) < len(wanted):
            return self.none()
        found = self
        for tag in tags:
            found = found.filter(tags=tag)
        return found

    def starred_by(self, user: Visitor, starred: bool = True) -> "SnippetQuerySet":
        """Those that the user has starred, or those that he has not."""
        mine = Q(pk__in=Star.objects.filter(user=user.pk).values("snippet"))
        return self.filter(mine if starred else ~mine)

    def with_owner_name(self) -> "SnippetQuerySet":
        return self.annotate(owner_name=F("owner__username"))

    def described_for(self, user: Visitor, now: Expression | None = None) -> "SnippetQuerySet":
        """With all that other tables have of them, so that no row has to ask for its own.

        `visible_source` is the address of what a snippet is a fork of, for who may find that by himself.
        """
        of_this = {"snippet": OuterRef("pk")}
        mine = Exists(Star.objects.filter(**of_this, user=user.pk)) if user.is_authenticated else Value(False)
        sources: SnippetQuerySet = self.model._default_manager.all()
        ref = Case(When(visibility="public", then=Cast("pk", CharField())), default="slug")
        source = sources.listed_for(user, now).filter(pk=OuterRef("forked_from")).order_by().values(ref=ref)
        return self.annotate(
            owner_name=F("owner__username"),
            joined_tags=JoinedNames(Tag.objects.filter(snippets=OuterRef("pk")).order_by().values("name")),
            star_count=RowCount(Star.objects.filter(**of_this).order_by().values("pk")),
            comment_count=RowCount(Comment.objects.filter(**of_this).order_by().values("pk")),
            is_starred=ExpressionWrapper(mine, output_field=BooleanField()),
            visible_source=Subquery(source),
        )

    def ordered_by(self, ordering: str) -> "SnippetQuerySet":
        """In the order of a field (`-` first: descending); those that are equal in the order of their pk."""
        return self.order_by(ordering, "-pk" if ordering.startswith("-") else "pk")
