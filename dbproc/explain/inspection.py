"""Identify a file: each product's verdict on it."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dbproc.core.errors import UserError
from dbproc.core.lookup import product_named
from dbproc.core.model import Definition, FileFacts, Inspector
from dbproc.core.version import Version
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.products.inspection import Identity, Inspection
from dbproc.products.registry import BUILT_IN


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


@dataclass(frozen=True, slots=True)
class Candidate:
    """An inspector that is not applied yet: a built-in one by its name, or a Python file by its path."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)


def inspected(store: Store, path: str, products: Sequence[str] = (), candidate: Candidate | None = None) -> Inspected:
    """Ask every product about a file, or some of them, or these with an inspector that they have not yet.

    Raises
    ------
    UserError
        There is no such file, or no such inspector.
    NotFoundError
        There is no product of a name.
    """
    if not os.path.lexists(path):
        raise UserError(f"there is no file {path}")
    with store.begin() as connection:
        definition = load_definition(connection)
    chosen = [product_named(definition, name) for name in products]
    if chosen:
        definition = replace(definition, products={each.product_id: each for each in chosen})
    if candidate is not None:
        definition = _with(definition, candidate)
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


def _with(definition: Definition, candidate: Candidate) -> Definition:
    """The definition in which all products have an inspector."""
    name = candidate.name if candidate.name in BUILT_IN else os.path.abspath(candidate.name)
    if name not in BUILT_IN and not (os.path.isfile(name) and name.endswith(".py")):
        raise UserError(
            f"{candidate.name} is no inspector: name a Python file (.py), or one of {', '.join(sorted(BUILT_IN))}"
        )
    inspectors = (
        replace(
            product,
            inspector=Inspector(
                inspector_id=product.inspector.inspector_id, name=name, arguments=dict(candidate.arguments)
            ),
        )
        for product in definition.products.values()
    )
    return replace(definition, products={product.product_id: product for product in inspectors})


def _found(facts: FileFacts | None) -> Found | None:
    if facts is None:
        return None
    return Found(date=facts.date, start=facts.start, stop=facts.stop, version=facts.version, keywords=facts.keywords)
