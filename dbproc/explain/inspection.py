"""Identify a file: each product's verdict on it."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass

from dbproc.core.errors import UserError
from dbproc.core.model import FileFacts
from dbproc.core.version import Version
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.products.inspection import Identity, Inspection


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The findings of a product's inspector in a file."""

    date: dt.date  #: the day that it is of
    start: dt.datetime  #: the first moment of its data
    stop: dt.datetime  #: the last moment of its data, included
    version: Version | None  #: its version; null: it says none
    keywords: str  #: the values of the keywords in its name


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductVerdict:
    """A product's verdict on a file."""

    product: str  #: the name of the product
    facts: Found | None  #: what it found; null: it is not of this product
    reason: str  #: why it is not of this product


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """Every product's verdict on a file, and the conclusion."""

    file: str  #: its path
    verdicts: tuple[ProductVerdict, ...]  #: of each product
    conclusion: str  #: what it is, or why it is nothing
    identified: bool  #: whether it is of one product


def inspected(store: Store, path: str) -> Inspected:
    """Ask every product about a file.

    Raises
    ------
    UserError
        There is no such file.
    """
    if not os.path.lexists(path):
        raise UserError(f"there is no file {path}")
    with store.begin() as connection:
        definition = load_definition(connection)
    with Inspection(definition) as inspection:
        verdicts = inspection.verdicts(path)
        (answer,) = inspection.identify([path])
    return Inspected(
        file=path,
        verdicts=tuple(
            ProductVerdict(
                product=definition.products[each.product_id].name, facts=_found(each.facts), reason=each.reason
            )
            for each in verdicts
        ),
        conclusion=f"is {answer.product.name}" if isinstance(answer, Identity) else answer.message,
        identified=isinstance(answer, Identity),
    )


def _found(facts: FileFacts | None) -> Found | None:
    if facts is None:
        return None
    return Found(date=facts.date, start=facts.start, stop=facts.stop, version=facts.version, keywords=facts.keywords)
