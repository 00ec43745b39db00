"""Directories of a mission within each other: what would take the mission itself for what arrived, and the like.

The rules are pure: a :data:`Within` says whether one place lies in another, by their names or as the disk has them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dbproc.core.errors import FormatError, LayoutError
from dbproc.core.filenames import compile_format
from dbproc.core.model import Definition
from dbproc.core.places import kept_here
from dbproc.core.spec import KeyPath

PRIVATE = ".dbproc"


@dataclass(frozen=True, slots=True)
class Problem:
    """A directory that lies where it must not: its key in the mission file, and what is wrong."""

    key: KeyPath
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """A directory: its absolute path as far as it has no fields, and the patterns of the parts behind that."""

    path: str
    key: KeyPath = ()
    fields: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The directory as people write it."""
        return posixpath.join(self.path, *self.fields)


Within = Callable[[Place, Place], bool]
"""Whether the first place is the second, or lies in it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of a mission; `files` are the database and the mission file, with what they are, `kept` stores and
    areas, `origins` sources: those on this machine."""

    root: Place
    incoming: Place
    quarantine: Place
    programs: tuple[Place, ...]
    products: tuple[Place, ...]
    files: tuple[tuple[str, Place], ...] = ()
    kept: tuple[Place, ...] = ()
    origins: tuple[Place, ...] = ()

    @property
    def private(self) -> Place:
        """The directory that dbproc keeps for itself."""
        return Place(posixpath.join(self.root.path, PRIVATE))


def layout(
    *,
    root: str,
    incoming: str,
    quarantine: str,
    codes: str,
    inspectors: str,
    products: Mapping[str, str],
    files: Sequence[tuple[str, str]] = (),
    kept: Mapping[KeyPath, str] = MappingProxyType({}),
    origins: Mapping[KeyPath, str] = MappingProxyType({}),
) -> Layout:
    """The places of a mission: its directories, absolute, those of products relative to the root, by their names.

    `files`: what each is, and its path. `kept`, `origins`: the directories of stores and areas, of sources.
    """
    return Layout(
        root=Place(posixpath.normpath(root), ("mission", "root")),
        incoming=Place(incoming, ("mission", "incoming")),
        quarantine=Place(quarantine, ("mission", "quarantine")),
        programs=(Place(codes, ("mission", "codes")), Place(inspectors, ("mission", "inspectors"))),
        products=tuple(_product(root, text, ("product", name, "directory")) for name, text in products.items()),
        files=tuple((what, Place(path)) for what, path in files),
        kept=tuple(Place(posixpath.normpath(path), key) for key, path in kept.items()),
        origins=tuple(Place(posixpath.normpath(path), key) for key, path in origins.items()),
    )


def layout_of(definition: Definition) -> Layout:
    """The places of a mission as the database has it."""
    mission = definition.mission
    return layout(
        root=mission.root,
        incoming=mission.incoming,
        quarantine=mission.quarantine,
        codes=mission.code_directory,
        inspectors=mission.inspector_directory,
        products={each.name: each.directory for each in definition.products.values()},
        kept=kept_here(mission.stores, mission.areas),
    )


def foreign_place(definition: Definition, path: str, within: Within) -> str | None:
    """The directory of a mission in which nothing but its own may lie, that an absolute path is or lies in; None where
    there is none."""
    own, place = layout_of(definition), Place(posixpath.normpath(path))
    if within(place, own.root) and within(own.root, place):
        return own.root.shown
    programs = (each for each in own.programs if not within_by_name(own.root, each))
    products = (each if each.path == own.root.path else Place(each.path) for each in own.products)
    kept = (own.incoming, own.quarantine, own.private, *products, *programs, *own.kept)
    return next((each.shown for each in kept if within(place, each)), None)


def _product(root: str, directory: str, key: KeyPath) -> Place:
    """Where the files of a product are; outside of the root its directory is refused for that alone."""
    parts = [part for part in directory.split("/") if part not in ("", ".")]
    fixed = next((at for at, part in enumerate(parts) if _has_field(part)), len(parts))
    names = (part.replace("{{", "{").replace("}}", "}") for part in parts[:fixed])
    return Place(posixpath.normpath(posixpath.join(root, *names)), key, tuple(parts[fixed:]))


def _has_field(part: str) -> bool:
    try:
        return bool(compile_format(part).fields)
    except FormatError:
        return True


def within_by_name(inner: Place, outer: Place) -> bool:
    """Whether a place lies in another by their names; a field of time counts for everything that it can stand for.

    A keyword, that can stand for anything, counts for nothing: where one leads is looked at for each file.
    """
    return _covers(_parts(inner), _parts(outer))


def _covers(inner: Sequence[tuple[str, bool]], outer: Sequence[tuple[str, bool]]) -> bool:
    return len(inner) >= len(outer) and all(_alike(*pair) for pair in zip(inner, outer, strict=False))


def _parts(place: Place) -> list[tuple[str, bool]]:
    """The parts of a path, and whether each is a pattern."""
    fixed = [(part, False) for part in place.path.split("/") if part]
    return fixed + [(part, True) for part in place.fields]


def _alike(one: tuple[str, bool], other: tuple[str, bool]) -> bool:
    if one[1] == other[1]:
        return one[0] == other[0]
    pattern, name = (one[0], other[0]) if one[1] else (other[0], one[0])
    try:
        compiled = compile_format(pattern)
    except FormatError:
        return False
    return not compiled.keyword_fields and compiled.pattern.fullmatch(name) is not None


def problems(layout: Layout, within: Within) -> Iterator[Problem]:
    """Every directory that lies where it must not, with what to do."""
    yield from harmful(layout, within)
    yield from _incoming_among_others(layout, within)
    yield from _programs_among_refused(layout, within)
    yield from _products_among_programs(layout, within)
    yield from _kept_among_others(layout, within)
    yield from _origins_among_others(layout, within)
    yield from file_problems(layout, within)


def harmful(layout: Layout, within: Within) -> Iterator[Problem]:
    """The directories in which a run would take what is the mission's own for what arrived, or sweep it away."""
    yield from _incoming_problems(layout, within)
    yield from _quarantine_problems(layout, within)
    for place in layout.programs:
        yield from _program_problems(layout, place, within)
    for product in layout.products:
        yield from _product_problems(layout, product, within)


def refuse_harmful(definition: Definition) -> None:
    """Let no run begin in directories that lie within each other; what was applied before that was refused may be so.

    Raises
    ------
    LayoutError
        They do.
    """
    found = [problem.text for problem in harmful(layout_of(definition), within_by_name)]
    if found:
        raise LayoutError(f"{'; '.join(found)}; correct it in the mission file, and apply that")


def _incoming_problems(layout: Layout, within: Within) -> Iterator[Problem]:
    incoming = layout.incoming
    if _takes_all(layout, within):
        is_root = within(incoming, layout.root)
        what = "is the root of the mission" if is_root else f"holds the root of the mission, {layout.root.shown}"
        text = f"{incoming.shown} {what}; all of it would be taken for what arrived: name a directory of its own"
        yield Problem(incoming.key, f"{text}, such as incoming")
    elif within(incoming, layout.private):
        yield _in_private(layout, incoming)


def _takes_all(layout: Layout, within: Within) -> bool:
    """Whether the root is in incoming: then everything else is, and that is said once."""
    return within(layout.root, layout.incoming)


def _quarantine_problems(layout: Layout, within: Within) -> Iterator[Problem]:
    incoming, quarantine = layout.incoming, layout.quarantine
    if within(layout.root, quarantine):
        text = (
            f"{quarantine.shown} is or holds the root of the mission, {layout.root.shown}; name a directory of its own"
        )
        yield Problem(quarantine.key, f"{text}, such as quarantine")
    elif within(quarantine, layout.private):
        yield _in_private(layout, quarantine)
    elif within(quarantine, incoming) and not _takes_all(layout, within):
        is_one = within(incoming, quarantine)
        what = "incoming and quarantine are one directory" if is_one else f"{quarantine.shown} is in incoming"
        yield Problem(quarantine.key, f"{what}; refused files would come in again: name a directory beside incoming")


def _program_problems(layout: Layout, place: Place, within: Within) -> Iterator[Problem]:
    if within(layout.root, place):
        return
    if within(place, layout.private):
        yield _in_private(layout, place)
    elif within(place, layout.incoming) and not _takes_all(layout, within):
        lies = "is" if within(layout.incoming, place) else "is in"
        text = f"{place.shown} {lies} the incoming directory; {_kept_in(place)} would be taken for what arrived"
        yield Problem(place.key, f"{text}: name a directory outside of it")


def _product_problems(layout: Layout, product: Place, within: Within) -> Iterator[Problem]:
    shown = _shown_product(layout, product)
    if within(product, layout.private):
        yield _in_private(layout, product)
    elif within(product, layout.incoming) and not _takes_all(layout, within):
        lies = "is the" if within(layout.incoming, product) else "is in the"
        verb = lies if within(Place(product.path), layout.incoming) else "can lead into the"
        text = f"{shown} {verb} incoming directory; files at home would come in again: name another one"
        yield Problem(product.key, text)
    elif within(product, layout.quarantine) and not within(layout.root, layout.quarantine):
        text = f"{shown} is in the quarantine {layout.quarantine.shown}; files at home would lie among what is refused"
        yield Problem(product.key, f"{text}: name another one")


def _incoming_among_others(layout: Layout, within: Within) -> Iterator[Problem]:
    incoming, quarantine = layout.incoming, layout.quarantine
    if _takes_all(layout, within):
        return
    if within(incoming, quarantine) and not within(quarantine, incoming) and not within(layout.root, quarantine):
        text = f"{incoming.shown} is in the quarantine {quarantine.shown}; what arrives would lie among what is refused"
        yield Problem(incoming.key, f"{text}: name a directory beside it")
    for place in layout.programs:
        if within(incoming, place) and not within(place, incoming) and not within(layout.root, place):
            text = f"{incoming.shown} is in {place.shown}, the directory of {_kept_in(place)}; what arrives would lie"
            yield Problem(incoming.key, f"{text} among them: name a directory outside of it")
    for product in layout.products:
        if within(incoming, product) and not within(product, incoming) and not within(layout.root, product):
            text = f"{_shown_product(layout, product)} holds the incoming directory; what arrives would lie among"
            yield Problem(product.key, f"{text} the files at home: name one beside incoming")


def _programs_among_refused(layout: Layout, within: Within) -> Iterator[Problem]:
    quarantine = layout.quarantine
    for place in layout.programs:
        if within(place, quarantine) and not within(layout.root, quarantine):
            text = f"{place.shown} is in the quarantine {quarantine.shown}; {_kept_in(place)} would lie among what is"
            yield Problem(place.key, f"{text} refused: name a directory outside of it")


def _products_among_programs(layout: Layout, within: Within) -> Iterator[Problem]:
    for product in layout.products:
        place = next((each for each in layout.programs if within(product, each)), None)
        if place is not None and not within(layout.root, place):
            text = f"{_shown_product(layout, product)} is in {place.shown}, the directory of {_kept_in(place)}"
            yield Problem(product.key, f"{text}; files at home would lie among them: name another one")


def _kept_among_others(layout: Layout, within: Within) -> Iterator[Problem]:
    """Stores and areas in the mission's own directories or in each other, or around them."""
    own = _own(layout)
    for at, place in enumerate(layout.kept):
        for what, other in (*own, *((f"the {_called(each)}", each) for each in layout.kept[:at])):
            lies = _lies(place, other, within)
            if lies:
                text = f"the {_called(place)}, {place.shown}, {lies} {what}, {other.shown}"
                yield Problem(place.key, f"{text}; name a directory that is apart from it")
                break


def _origins_among_others(layout: Layout, within: Within) -> Iterator[Problem]:
    """Sources in the mission's own directories, or around them: its own files would be fetched."""
    for place in layout.origins:
        for what, other in _own(layout):
            lies = _lies(place, other, within)
            if lies:
                text = f"the {_called(place)}, {place.shown}, {lies} {what}, {other.shown}"
                yield Problem(place.key, f"{text}; the mission's own files would be fetched: name another directory")
                break


def _own(layout: Layout) -> tuple[tuple[str, Place], ...]:
    """The mission's own directories that are not for sure in another one, with what they are."""
    programs = ((f"the directory of {_kept_in(place)}", place) for place in layout.programs)
    return (
        ("the root", layout.root),
        ("the incoming directory", layout.incoming),
        ("the quarantine", layout.quarantine),
        *programs,
    )


def _lies(place: Place, other: Place, within: Within) -> str:
    """How a place lies to another one, in words; nothing where they are apart."""
    if within(place, other):
        return "is" if within(other, place) else "lies in"
    return "holds" if within(other, place) else ""


def _called(place: Place) -> str:
    """A source, a store or an area by its name."""
    kind, name, *_ = place.key
    return f"{kind} {str(name)!r}"


def _kept_in(place: Place) -> str:
    return "programs" if place.key == ("mission", "codes") else "inspectors"


def _shown_product(layout: Layout, product: Place) -> str:
    return repr(posixpath.relpath(product.shown, layout.root.path))


def file_problems(layout: Layout, within: Within) -> Iterator[Problem]:
    """Where the database or the mission file lies among what comes and goes."""
    for what, file in layout.files:
        if within(file, layout.incoming) and not within(layout.root, layout.incoming):
            text = f"{what} {file.shown} is in the incoming directory, and would be taken for what arrived"
            yield Problem(layout.incoming.key, f"{text}; move it, or name another directory")
        if within(file, layout.quarantine) and not within(layout.root, layout.quarantine):
            text = f"{what} {file.shown} is in the quarantine directory, among what is refused"
            yield Problem(layout.quarantine.key, f"{text}; move it, or name another directory")
        for product in layout.products:
            if within(file, product) and not within(layout.root, product):
                text = f"{what} {file.shown} is in the directory of a product, among its files"
                yield Problem(product.key, f"{text}; move it, or name another directory")


def _in_private(layout: Layout, place: Place) -> Problem:
    text = f"{place.shown} is in {layout.private.shown}, which dbproc keeps for itself and sweeps"
    return Problem(place.key, f"{text}; name a directory outside of it")
