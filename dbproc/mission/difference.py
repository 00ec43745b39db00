"""Compare a mission file with the database's definition: the changes that make them equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from dbproc.core.keys import Effect, Form, keys
from dbproc.core.model import Build
from dbproc.core.places import Recorded
from dbproc.core.spec import (
    Change,
    Definition,
    Holdings,
    InputSpec,
    InspectorSpec,
    Kind,
    MissionSpec,
    ProcessSpec,
    ProductSpec,
)
from dbproc.mission.formats import can_be_alike, format_of
from dbproc.mission.input_words import input_words
from dbproc.mission.keywise import Comparison, change_of, differences, differing, shown, table_differences
from dbproc.mission.partial import merged, reformatted
from dbproc.mission.problems import Problem, raise_for
from dbproc.mission.releases import Codes, code_change, compare_codes
from dbproc.mission.renames import rename_problems, renamed_processes, renamed_products, with_new_names
from dbproc.mission.vanishing import left_copies, renamings, vanishing_problems, with_new_places


def difference(
    old: Definition | None, new: Definition, holdings: Holdings | None = None, *, rollback: bool = False
) -> list[Change]:
    """The changes that turn `old` into `new`.

    Parameters
    ----------
    old
        The database's definition, None when it is empty.
    new
        The mission file's definition.
    holdings
        The parts of `old` that cannot be removed, and the codes retired before.
    rollback
        Accept a lower version of a code as a return to an earlier one.

    Returns
    -------
    list of Change
        In the order in which they can be made; empty when both are equal.

    Raises
    ------
    DefinitionError
        A code's version was lowered, or something changed that a code's version must say; the mission has another name;
        something is said to be renamed that cannot be.
    """
    held = holdings or Holdings(definition=old)
    whole = merged(old, new)
    found = Comparison([], list(rename_problems(old, new)))
    former_names = renamed_products(old, new)
    old = with_new_names(old, former_names) if old is not None else None
    if old is None:
        details = (f"root {whole.mission.root}", *_added_tables(whole.mission))
        found.changes.append(change_of(Kind.ADD, f"mission {whole.mission.name}", whole.mission, None, details))
    else:
        _compare_missions(old.mission, whole.mission, held.places, found)
    renamed = renamed_processes(old, whole)
    gone = {} if new.partial else _gone(old, whole, renamed)
    _remove_processes(gone, held, found)
    _compare_products(old, whole, former_names, found)
    _compare_processes(old, whole, held, renamed, found, rollback=rollback)
    _refuse_taken_names(old, whole, held, found)
    _refuse_taken_outputs(old, whole, held, renamed, found)
    if old is not None and not new.partial:
        _remove_products(old, whole, gone, held, found)
    raise_for(found.problems, new.source, new.finder)
    return found.changes


def _added_tables(mission: MissionSpec) -> Iterator[str]:
    """What the tables of a new mission add."""
    for key in keys(MissionSpec):
        if key.form is Form.TABLES:
            yield from table_differences(key.words, (), getattr(mission, key.name))


def _compare_missions(old: MissionSpec, new: MissionSpec, held: Recorded, found: Comparison) -> None:
    details = [*renamings(old, new), *differences(with_new_places(old, new), new), *left_copies(old, new, held)]
    found.problems.extend(vanishing_problems(old, new, held))
    if old.name != new.name and new.renamed_from == old.name:
        details.insert(0, f"name {old.name} → {new.name}")
    elif old.name != new.name:
        text = f"this database holds the mission {old.name!r}; name that, or give the database of {new.name!r}"
        remedy = f'to give the mission another name, write renamed_from = "{old.name}" below it'
        found.problems.append(Problem(("mission", "name"), f"{text}; {remedy}"))
    if details:
        found.changes.append(change_of(Kind.CHANGE, f"mission {new.name}", new, old, tuple(details)))


def _compare_products(
    old: Definition | None, new: Definition, former_names: Mapping[str, str], found: Comparison
) -> None:
    """`old` has the products under their new names; `former_names` are those in the database."""
    held = old.products if old else {}
    for name, product in new.products.items():
        before = held.get(name)
        if before is None:
            details = (product.format, *_keyword_words(product))
            found.changes.append(change_of(Kind.ADD, f"product {name}", product, None, details))
            continue
        former = former_names.get(name, name)
        details = (
            *([f"name {former} → {name}"] if former != name else []),
            *differences(before, product),
            *_inspectors(before.inspector, product.inspector),
        )
        before = replace(before, name=former)
        if not before.active:
            details = ("it was retired, and is used again", *details)
            found.changes.append(change_of(Kind.RESTORE, f"product {name}", product, before, details))
        elif details:
            found.changes.append(change_of(Kind.CHANGE, f"product {name}", product, before, details))


def _keyword_words(product: ProductSpec) -> Iterator[str]:
    """The keywords in the format of a new product: a typo makes one, too."""
    made = format_of(product)
    if made is not None and made.keyword_fields:
        words = "keyword" if len(made.keyword_fields) == 1 else "keywords"
        yield f"{words} {', '.join(f'{{{each}}}' for each in sorted(made.keyword_fields))}"


def _inspectors(old: InspectorSpec, new: InspectorSpec) -> Iterator[str]:
    if old.file != new.file:
        yield f"the inspector {shown(old.file)} → {shown(new.file)}"
    if dict(old.arguments) != dict(new.arguments):
        yield f"the inspector's arguments {shown(dict(old.arguments))} → {shown(dict(new.arguments))}"
    if old.version != new.version and not old.is_raised_from(new):
        yield f"the inspector's version {old.version} → {new.version}"
    yield from (f"the inspector's {words}" for words in differences(old, new))


def _gone(old: Definition | None, new: Definition, renamed: Mapping[str, str]) -> dict[str, ProcessSpec]:
    """The database's processes that the mission file lacks."""
    stay = {*new.processes, *renamed.values()}
    return {name: process for name, process in (old.processes if old else {}).items() if name not in stay}


def _refuse_taken_names(old: Definition | None, new: Definition, held: Holdings, found: Comparison) -> None:
    """A product that left the mission file keeps the names of its files."""
    known = old.products if old else {}
    kept = [each for name, each in known.items() if held.files.get(name, 0) and not _stays(each, new)]
    for name, product in new.products.items():
        before = known.get(name)
        if before is not None and before.format == product.format:
            continue
        for other in kept:
            if other.name != name and other.format and can_be_alike(other.format, product.format):
                count = held.files[other.name]
                text = f"these are the names of {count} files of the product {other.name!r}, which is no longer there"
                remedy = f'if it is the same product, write renamed_from = "{other.name}"; else give it another format'
                found.problems.append(Problem(("product", name, "format"), f"{text}; {remedy}"))
                break


def _stays(product: ProductSpec, new: Definition) -> bool:
    """Whether a product of the database is in the mission file."""
    return product.name in new.products


def _refuse_taken_outputs(
    old: Definition | None, new: Definition, held: Holdings, renamed: Mapping[str, str], found: Comparison
) -> None:
    """A process that stays in the database for its files keeps its output product."""
    gone = _gone(old, new, renamed)
    stay = {made: name for name, each in gone.items() if held.uses.get(name, 0) for made in each.outputs}
    for name, process in new.processes.items():
        for made in process.outputs:
            if made in stay:
                text = f"{made!r} was made by the process {stay[made]!r}, which is no longer there"
                text += f'; if this is the same process, write renamed_from = "{stay[made]}"'
                found.problems.append(Problem(("process", name, "output"), text))


def _compare_processes(
    old: Definition | None,
    new: Definition,
    held: Holdings,
    renamed: Mapping[str, str],
    found: Comparison,
    *,
    rollback: bool,
) -> None:
    known = old.processes if old else {}
    changed = reformatted(old, new)
    for name, process in new.processes.items():
        old_name = renamed.get(name, name)
        before = known.get(old_name)
        if before is None:
            found.changes.append(change_of(Kind.ADD, f"process {name}", process, None, (_summary(process),)))
        else:
            again = _look_again(old, new, before, process, not changed.isdisjoint(process.outputs))
            found.changes.extend(_process_changes(before, process, again))
        codes = Codes(process, before.codes if before else (), held.retired.get(old_name, ()), rollback)
        compare_codes(codes, found)


def _process_changes(old: ProcessSpec, new: ProcessSpec, again: str) -> Iterator[Change]:
    """`again`: the reason to look at the process again although it may be unchanged."""
    telling = [f"name {old.name} → {new.name}"] if old.name != new.name else []
    telling += differences(old, new, Effect.IN_PLACE)
    details = [
        *differences(old, new, Effect.LOOK_AGAIN),
        *_input_differences(old.inputs, new.inputs),
    ]
    place = f"process {new.name}"
    if telling or details:
        why = f"process {new.name}: {'; '.join(details)}" if details else again
        yield change_of(Kind.CHANGE, place, new, old, (*telling, *details), again=why)
    elif again:
        yield change_of(Kind.CHANGE, place, new, old, (f"looked at again, because {again}",), again=again)


def _look_again(
    old: Definition | None, new: Definition, before: ProcessSpec, after: ProcessSpec, reformatted: bool
) -> str:
    """The reason why outputs may be stale although the process itself does not change."""
    if reformatted:
        return f"the format of {', '.join(after.outputs)} changed"
    if old is not None and _cuts_off(old.mission, before) and not _cuts_off(new.mission, after):
        return "early_cutoff is off from now on"
    changed = _expected_otherwise(old, new, after)
    return f"what is expected of {', '.join(changed)} changed" if changed else ""


def _expected_otherwise(old: Definition | None, new: Definition, process: ProcessSpec) -> list[str]:
    """The inputs of which a process waits for something else than before."""
    held = old.products if old is not None and process.build is Build.WHEN_COMPLETE else {}
    pairs = [(held[each.product], new.products[each.product]) for each in process.inputs if each.product in held]
    return [after.name for before, after in pairs if differing(before, after, Effect.LOOK_AGAIN)]


def _cuts_off(mission: MissionSpec, process: ProcessSpec) -> bool:
    return mission.early_cutoff if process.early_cutoff is None else process.early_cutoff


def _input_differences(old: tuple[InputSpec, ...], new: tuple[InputSpec, ...]) -> Iterator[str]:
    before = {given.product: given for given in old}
    after = {given.product: given for given in new}
    yield from (f"input {input_words(after[name])} added" for name in after if name not in before)
    yield from (f"input {input_words(before[name])} removed" for name in before if name not in after)
    for name, given in after.items():
        if name in before and before[name] != given:
            yield f"input {input_words(before[name])} → {input_words(given)}"
    if before == after and list(before) != list(after):
        yield f"order of the inputs {', '.join(before)} → {', '.join(after)}"


def _summary(process: ProcessSpec) -> str:
    inputs = ", ".join(input_words(given) for given in process.inputs)
    return f"{process.timebase}, {inputs or 'nothing'} → {', '.join(process.outputs) or 'nothing'}"


def _remove_processes(gone: Mapping[str, ProcessSpec], held: Holdings, found: Comparison) -> None:
    for name, process in gone.items():
        if not held.uses.get(name, 0):
            details = ("it is not in the mission file, and nothing was made by it",)
            found.changes.append(change_of(Kind.DELETE, f"process {name}", None, process, details))
            continue
        for code in process.codes:
            details = ("its process is not in the mission file; what it made stays",)
            found.changes.append(code_change(Kind.RETIRE, process, code, None, details))


def _remove_products(
    old: Definition, new: Definition, gone: Mapping[str, ProcessSpec], held: Holdings, found: Comparison
) -> None:
    needed = _needed_products(gone, held)
    for name, product in old.products.items():
        if name in new.products:
            continue
        files = held.files.get(name, 0)
        if not files and name not in needed:
            details = ("it is not in the mission file, and no file is of it",)
            found.changes.append(change_of(Kind.DELETE, f"product {name}", None, product, details))
        elif product.active:
            stays = f"its files ({files}) stay" if files else f"the retired process {needed[name]} refers to it"
            details = (f"it is not in the mission file; {stays}, no new ones are taken in",)
            found.changes.append(change_of(Kind.RETIRE, f"product {name}", None, product, details))


def _needed_products(gone: Mapping[str, ProcessSpec], held: Holdings) -> dict[str, str]:
    """Products that a retired process refers to, with that process."""
    return {
        product: name
        for name, process in gone.items()
        if held.uses.get(name, 0)
        for product in (*(given.product for given in process.inputs), *process.outputs)
    }
