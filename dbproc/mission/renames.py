"""What has another name than before: recognized, or told by ``renamed_from``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from dbproc.core.spec import Definition, InputSpec, ProcessSpec, ProductSpec
from dbproc.mission.problems import Problem, suggestion


def renamed_products(old: Definition | None, new: Definition) -> dict[str, str]:
    """The products with a new name, and the name that they have in the database.

    Without ``renamed_from`` a product is the same as one that left the mission file when both are equal but for their
    names, also where these stand in the format and the directory; of several such nothing is known.
    """
    if old is None:
        return {}
    told = {
        name: product.renamed_from
        for name, product in new.products.items()
        if _is_told(name, product.renamed_from, old.products, new.products)
    }
    if new.partial:
        return told
    gone = [each for name, each in old.products.items() if name not in new.products and name not in told.values()]
    added = [each for name, each in new.products.items() if name not in old.products and name not in told]
    alike = [(after.name, before.name) for after in added for before in gone if _is_same(before, after)]
    times = Counter(name for pair in alike for name in {*pair})
    return told | {after: before for after, before in alike if times[after] == times[before] == 1}


def renamed_processes(old: Definition | None, new: Definition) -> dict[str, str]:
    """Processes with a new name, and the old one; without ``renamed_from`` equal outputs say that they are the same."""
    if old is None:
        return {}
    told = {
        name: process.renamed_from
        for name, process in new.processes.items()
        if _is_told(name, process.renamed_from, old.processes, new.processes)
    }
    gone = {
        each.output: name
        for name, each in old.processes.items()
        if each.output and name not in new.processes and name not in told.values()
    }
    return told | {
        name: gone[each.output]
        for name, each in new.processes.items()
        if name not in old.processes and name not in told and each.output in gone
    }


def with_new_names(old: Definition, names: Mapping[str, str]) -> Definition:
    """The database's definition with products under their new names, in processes, too."""
    if not names:
        return old
    new_of = {before: after for after, before in names.items()}
    products = {
        new_of.get(name, name): replace(each, name=new_of.get(name, name)) for name, each in old.products.items()
    }
    processes = {name: _process_with(process, new_of) for name, process in old.processes.items()}
    return replace(old, products=products, processes=processes)


def rename_problems(old: Definition | None, new: Definition) -> Iterator[Problem]:
    """Everything that ``renamed_from`` says and that cannot be."""
    if old is None:
        return
    for kind, before, after in (
        ("product", old.products, new.products),
        ("process", old.processes, new.processes),
    ):
        former: dict[str, str] = {}
        for name, spec in after.items():
            text = _fault(kind, name, spec.renamed_from, before, after, former) or _swap(kind, name, before, after)
            if text:
                yield Problem((kind, name, "renamed_from"), text)
            former.setdefault(spec.renamed_from, name)


def _fault(
    kind: str,
    name: str,
    former: str,
    before: Mapping[str, object],
    after: Mapping[str, object],
    taken: Mapping[str, str],
) -> str | None:
    if not former:
        return None
    if name in before:
        text = f"the database has a {kind} {name!r} already, and {former!r} as well"
        remedy = "give it another name, or leave renamed_from out"
        return f"{text}; {remedy}" if former in before and former not in after else None
    if former not in before:
        return f"the database has no {kind} {former!r}{suggestion(former, before)}; else leave renamed_from out"
    if former in after:
        return f"the mission file has the {kind} {former!r} as well; one of them is it: leave one out"
    return f"{taken[former]!r} is renamed from {former!r} as well; it can be one of them" if former in taken else None


def _swap(
    kind: str,
    name: str,
    before: Mapping[str, object],
    after: Mapping[str, ProductSpec] | Mapping[str, ProcessSpec],
) -> str | None:
    """That names go round in a circle, each to the next; nothing of a name that is not among such."""
    circle, former = [name], after[name].renamed_from
    while former in after and former in before and former not in circle:
        circle.append(former)
        former = after[former].renamed_from
    if former != name or name not in before or len(circle) == 1:
        return None
    return (
        f"the {kind} names {' and '.join(map(repr, circle))} are in the database, and cannot be exchanged at once; "
        "give one of them a name that is free, apply that, and go on from there"
    )


def _is_told(name: str, former: str, before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    return bool(former) and name not in before and former in before and former not in after


def _is_same(before: ProductSpec, after: ProductSpec) -> bool:
    """Whether two products are equal but for their names."""
    named = {
        key: getattr(before, key).replace(before.name, after.name) == getattr(after, key)
        for key in ("directory", "format")
        if getattr(before, key) != getattr(after, key)
    }
    pairs = ((getattr(before, key), getattr(after, key)) for key in ("level", "satellite", "instrument", "companion"))
    same_inspector = before.inspector.file == after.inspector.file
    return bool(before.name) and all(named.values()) and same_inspector and all(one == other for one, other in pairs)


def _process_with(process: ProcessSpec, new_of: Mapping[str, str]) -> ProcessSpec:
    return replace(
        process,
        output=new_of.get(process.output, process.output) if process.output else None,
        further_outputs=tuple(new_of.get(name, name) for name in process.further_outputs),
        inputs=tuple(_input_with(given, new_of) for given in process.inputs),
    )


def _input_with(given: InputSpec, new_of: Mapping[str, str]) -> InputSpec:
    choice = new_of.get(given.choice, given.choice) if given.choice else None
    return replace(given, product=new_of.get(given.product, given.product), choice=choice)
