"""Processes and products of a mission by the names or numbers that people type."""

from __future__ import annotations

from collections.abc import Mapping

from dbproc.core.errors import NotFoundError
from dbproc.core.likeness import no_such
from dbproc.core.model import Definition, Mission, Process, Product
from dbproc.core.places import ROOT, StoreSpec


def process_named(definition: Definition, name: str) -> Process:
    """The process of this name or number.

    Raises
    ------
    NotFoundError
        There is none; the message names what may be meant.
    """
    numbered = {number: process.name for number, process in definition.processes.items()}
    return definition.processes[number_named("process", numbered, name)]


def product_named(definition: Definition, name: str) -> Product:
    """The product of this name or number.

    Raises
    ------
    NotFoundError
        There is none; the message names what may be meant.
    """
    numbered = {number: product.name for number, product in definition.products.items()}
    return definition.products[number_named("product", numbered, name)]


def store_named(mission: Mission, name: str) -> StoreSpec:
    """The store of this name, without or with the word ``store`` before it.

    Raises
    ------
    NotFoundError
        There is none; the message names what may be meant.
    """
    stores = {store.name: store for store in mission.stores}
    wanted = name.removeprefix("store ")
    if wanted == ROOT:
        raise NotFoundError("the root is looked at by: dbproc check; what lies in it is taken in by: dbproc adopt")
    if wanted not in stores:
        raise NotFoundError(no_such("store", wanted, stores))
    return stores[wanted]


def number_named(kind: str, numbered: Mapping[int, str], wanted: str) -> int:
    """The number of what has this name or number, of those of a kind that are `numbered`.

    Raises
    ------
    NotFoundError
        There is none; the message names what may be meant.
    """
    for number, name in numbered.items():
        if wanted in (name, str(number)):
            return number
    raise NotFoundError(no_such(kind, wanted, numbered.values()))
