"""Reasons in few words: what is said alike of many inputs of one product is said once. Pure.

:mod:`dbproc.core.staleness` makes the sentences about inputs; the forms here read them again, also those of attempts
of long ago.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence

from dbproc.core.model import File, Product

FEW = 3
"""How many sentences of one kind are told one by one."""

Places = Mapping[str, tuple[str, dt.date]]
"""By the name of a file: the name of its product, and its date."""

_FORMS = tuple(
    (re.compile(form), many)
    for form, many in (
        (r"(?P<how>better|other) input (?P<name>.+) in the place of .+", "{count} {how} inputs{of}"),
        (r"(?P<how>better|other) input (?P<name>.+)", "{count} {how} inputs{of}"),
        (r"input .+ (?P<how>withdrawn), (?P<name>.+) in its place", "{count} inputs{of} {how}, others in their places"),
        (r"input .+ (?P<how>replaced) by (?P<name>.+)", "{count} inputs{of} {how}"),
        (r"input (?P<name>.+) has (?P<how>other bytes)", "{count} inputs{of} with {how}"),
        (r"input (?P<name>.+) (?P<how>added|removed|withdrawn)", "{count} inputs{of} {how}"),
        (r"(?P<name>.+) (?P<how>equal)s .+", "{count} inputs{of} {how} those before"),
    )
)


def places_of(files: Iterable[File], products: Mapping[int, Product]) -> Places:
    """The product and date of files."""
    return {file.filename: (products[file.product_id].name, file.date) for file in files if file.product_id in products}


def in_few_words(reasons: Sequence[str], places: Places | None = None) -> list[str]:
    """The sentences in their order, many that are alike as one. A file that is not in `places` stands for itself."""
    if len(reasons) <= FEW:
        return list(reasons)
    alike: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for text in reasons:
        many, how, name = _read(text)
        product = (places or {}).get(name, ("", None))[0]
        alike.setdefault((many, how, product), []).append((text, name))
    return [
        words
        for kind, found in alike.items()
        for words in ([text for text, _ in found] if len(found) <= FEW else [_as_one(kind, found, places or {})])
    ]


def some_names(names: Sequence[str]) -> str:
    """Names, the first few of them."""
    more = len(names) - FEW
    return f"{', '.join(names[:FEW])} and {more:,} more" if more > 0 else ", ".join(names)


def _read(text: str) -> tuple[str, str, str]:
    """The sentence for many like this one, its verb, and its file; the text itself where it is like no other."""
    for form, many in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            return many, found["how"], found["name"]
    return text, "", ""


def _as_one(kind: tuple[str, str, str], found: Sequence[tuple[str, str]], places: Places) -> str:
    many, how, product = kind
    names = [name for _, name in found]
    dates = sorted(places[name][1] for name in names if name in places)
    ends = (str(dates[0]), str(dates[-1])) if dates else (min(names), max(names))
    words = many.format(count=f"{len(found):,}", how=how, of=f" of {product}" if product else "")
    return f"{words}, {' to '.join(dict.fromkeys(ends))}"
