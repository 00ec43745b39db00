"""A partial definition, of an INI file, completed with what is in use in the database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from dbproc.core.keys import keys
from dbproc.core.spec import Definition, ProcessSpec
from dbproc.mission.keywise import AnySpec
from dbproc.mission.links import with_places
from dbproc.mission.releases import pairs, rest
from dbproc.mission.renames import renamed_products, with_new_names


def merged(old: Definition | None, new: Definition) -> Definition:
    """`new` as a whole: a partial one is completed with what is in use in the database, under its new names."""
    if not new.partial:
        return new
    if old is None:
        return replace(new, partial=False)
    old = with_new_names(old, renamed_products(old, new))
    former = {name: process.renamed_from for name, process in new.processes.items() if process.renamed_from}
    former = {name: each for name, each in former.items() if name not in old.processes and each not in new.processes}
    products = {name: product for name, product in old.products.items() if product.active}
    processes = {name: each for name, each in old.processes.items() if each.codes and name not in former.values()}
    before = {name: old.processes.get(former.get(name, name)) for name in new.processes}
    declared = {
        name: _with_keywords(_with_limits(process, before[name]), before[name], old, new)
        for name, process in new.processes.items()
    }
    return replace(
        new,
        mission=with_places(_with_unsaid(new.mission, old.mission, new.unsaid), new.mission.outside),
        products={**products, **new.products},
        processes={**processes, **declared},
        partial=False,
    )


def _with_limits(process: ProcessSpec, old: ProcessSpec | None) -> ProcessSpec:
    """Complete a process of an INI file with what that cannot say: limits, and codes for other dates."""
    if old is None:
        return process
    paired = pairs(old.codes, process.codes)
    codes = tuple(
        _with_unsaid(code, paired[position]) if position in paired else code
        for position, code in enumerate(process.codes)
    )
    others = rest(old.codes, paired)
    return replace(process, codes=codes + others)


def _with_keywords(process: ProcessSpec, before: ProcessSpec | None, old: Definition, new: Definition) -> ProcessSpec:
    """Leave what keywords do to a process of an INI file as it is, where nothing changes that it depends on."""
    names = {*process.outputs, *(given.product for given in process.inputs)}
    is_same = (
        before is not None
        and before.timebase == process.timebase
        and names == {*before.outputs, *(given.product for given in before.inputs)}
        and names.isdisjoint(reformatted(old, new))
    )
    return replace(process, keywords=before.keywords) if before is not None and is_same else process


def _with_unsaid(new: AnySpec, old: AnySpec, unsaid: Collection[str] = ()) -> AnySpec:
    """Complete an INI file's specification with the keys that such a file cannot have, or does not."""
    kept = [key.name for key in keys(type(new)) if key.ini is None or key.name in unsaid]
    return replace(new, **{name: getattr(old, name) for name in kept})


def reformatted(old: Definition | None, new: Definition) -> set[str]:
    """The products whose filename format changes."""
    held = old.products if old else {}
    return {name for name, product in new.products.items() if name in held and held[name].format != product.format}
