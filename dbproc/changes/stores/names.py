"""What files in a store are by their names alone: nobody looks into them."""

from __future__ import annotations

import datetime as dt
import posixpath
from collections.abc import Collection
from dataclasses import dataclass

from dbproc.core.digests import unknown_digest
from dbproc.core.errors import FormatError, PlacementError
from dbproc.core.filenames import is_unfinished
from dbproc.core.inventories import Listed
from dbproc.core.model import Definition, FileFacts, NewFile, Product
from dbproc.ingest.triage import with_word
from dbproc.products.base import Facts, Nonsense, NotMine
from dbproc.products.facts import settle
from dbproc.storage.layout import directory_of, home


@dataclass(frozen=True, slots=True)
class Found:
    """A file in a store: its path there, its name, what is told of it, and when it was changed."""

    path: str
    listed: Listed
    modified: dt.datetime | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return posixpath.basename(self.path)


class Unfit(Exception):
    """A file is of no product; the sentence says why, and is the same for all of its kind."""


class Names:
    """Files by their names; only those of some products are meant."""

    def __init__(self, definition: Definition, meant: Collection[int], run_id: int | None) -> None:
        self._definition = definition
        self._meant = meant
        self._run_id = run_id
        self._made = {made for process in definition.processes.values() for made in process.outputs}
        self._homes: dict[tuple[int, str], bool] = {}

    def product_of(self, found: Found) -> Product:
        """The one product that a name is of; Unfit when there is none, or it is not taken in from a store."""
        name = found.name
        if is_unfinished(name):
            raise Unfit("unfinished, by the name")
        fitting = [each for each in self._definition.products.values() if each.compiled.pattern.fullmatch(name)]
        fitting = [each for each in fitting if each.read(name) is not None]
        if not fitting:
            raise Unfit("of no product")
        if len(fitting) > 1:
            raise Unfit(f"of several products: {', '.join(sorted(each.name for each in fitting))}")
        (product,) = fitting
        if product.product_id not in self._meant:
            raise Unfit(f"of product {product.name}, which is not meant")
        if product.product_id in self._made:
            raise Unfit(f"of product {product.name}, which a process makes")
        if product.companion:
            raise Unfit(f"of product {product.name}, whose files have directories beside them")
        return product

    def file_of(self, found: Found, product: Product, digest: str | None) -> NewFile:
        """The file that a name tells of, as it enters the catalogue; Unfit when it tells too little."""
        name = product.read(found.name)
        try:
            told = settle(Facts(), name, product.covers) if name is not None else None
        except (NotMine, Nonsense):
            told = None
        if told is None:
            raise Unfit(f"of product {product.name}, and no date in the name that can be")
        facts = FileFacts(
            date=told.date, start=told.start, stop=told.stop, version=told.version, keywords=told.keywords
        )
        facts = with_word(product, found.name, facts)
        try:
            directory = directory_of(product, facts, told.version)
            self._require_home(product, directory)
        except (PlacementError, FormatError) as error:
            raise Unfit(f"of product {product.name}, and without a place below the root") from error
        return NewFile(
            filename=found.name,
            product_id=product.product_id,
            facts=facts,
            version=told.version,
            level=product.level,
            directory=directory,
            size=found.listed.size,
            digest=digest or unknown_digest(self._definition.mission.digest),
            created=found.modified or told.stop,
            run_id=self._run_id,
        )

    def _require_home(self, product: Product, directory: str) -> None:
        """See, once for each, that a directory is one that files may be put into."""
        key = product.product_id, directory
        if key not in self._homes:
            home(self._definition.mission, product, directory, "x")
            self._homes[key] = True
