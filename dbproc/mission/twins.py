"""Products whose files cannot be told apart: none of them, or some."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from dbproc.core.common_names import common_name
from dbproc.core.spec import Definition, ProductSpec
from dbproc.mission.formats import format_of, made_products, only_its_name_says
from dbproc.mission.problems import Problem


def twin_problems(definition: Definition) -> Iterator[Problem]:
    """Products that have all their filenames in common, and inspectors alike."""
    alike: dict[object, list[str]] = defaultdict(list)
    for product in definition.products.values():
        compiled = format_of(product)
        if compiled:
            inspector = product.inspector
            key = (compiled.pattern.pattern, inspector.file, tuple(sorted(inspector.arguments.items())))
            alike[key].append(product.name)
    for first, *others in alike.values():
        for other in others:
            text = f"the same filenames belong to the product {first!r}, and nothing tells the two apart"
            yield Problem(("product", other, "format"), f"{text}; make the formats or the inspectors differ")


def twin_warnings(definition: Definition) -> Iterator[Problem]:
    """Products that have some filenames in common, and of which the name says all."""
    made = made_products(definition)
    for one, other in combinations(filter(_is_told_by_name, definition.products.values()), 2):
        first, second = format_of(one), format_of(other)
        name = common_name(first, second) if first and second else None
        if name is not None:
            what = "there can be one of them alone" if {one.name, other.name} <= made else "it is refused when it comes"
            text = f"a file {name!r} can be of this product and of {one.name!r}: {what}"
            yield Problem(
                ("product", other.name, "format"), f"{text}; make the formats differ where files are so named"
            )


def _is_told_by_name(product: ProductSpec) -> bool:
    return product.active and only_its_name_says(product)
