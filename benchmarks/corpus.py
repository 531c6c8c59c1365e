"""Snippets to fill databases with: always the same, and nothing in them but words."""

import random
from collections.abc import Iterator

TEXT = (
    "account address amount answer archive backup balance batch border branch bucket budget buffer cache calendar "
    "category channel client cluster column comment commit contract counter country customer database deadline "
    "delivery deposit device digest director discount document domain download element employee engine event factory "
    "feature field filter folder forecast format gateway graph group handler header history holiday identity image "
    "index invoice journal kernel label language ledger length letter library license limit location machine margin "
    "market matrix measure member memory message method minute mirror model module monitor month mountain network "
    "notice number object office order owner packet parcel partner password pattern payment permit picture pixel "
    "planet pointer policy portal printer priority process product profile project provider quality quarter query "
    "queue quota receipt record region register release report request reserve result river route salary sample "
    "schedule screen season secret section segment sensor server session setting shelter signal station storage "
    "stream street student summary supplier symbol system table target template tenant thread ticket timeout token "
    "traffic transfer trigger tunnel update upload vector vehicle version village visitor volume voucher warehouse "
    "weather window worker zone"
)
WORDS = TEXT.split()
COMMON = "return"  # in every snippet
RARE = "serendipity"  # in one of a thousand
ABSENT = "quaternion"


def _function(source: random.Random) -> str:
    one, two, three, four, five = source.sample(WORDS, 5)
    return (
        f'def {one}_{two}({three}, {four}={source.randrange(1000)}):\n    """The {one} of a {two}, by {five}."""\n'
        f"    return {three} * {source.randrange(100)} + {four}\n\n\n"
    )


def snippets(count: int, size: int) -> Iterator[dict[str, str]]:
    """`title` and `code`, of this many bytes."""
    source = random.Random(20)
    for number in range(count):
        code = f"# {RARE}\n" if number % 1000 == 500 else ""
        while len(code) < size:
            code += _function(source)
        yield {"title": " ".join(source.sample(WORDS, 3)), "code": code[: size - 1] + "\n"}
