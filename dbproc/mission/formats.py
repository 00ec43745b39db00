"""Checks of filename formats and directories: names misread, keywords lost, names that two would have."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Mapping

from dbproc.core.errors import FormatError
from dbproc.core.filenames import FIELDS, TIME_OF_DAY, Format, compile_format, digits_of, is_unfinished, misread_field
from dbproc.core.spec import Definition, KeyPath, ProcessSpec, ProductSpec
from dbproc.mission.problems import Problem

_SAMPLE = dt.datetime(2024, 11, 27, 13, 45, 56, 789012, dt.UTC)
_ANY_KEYWORD = "k"


def format_of(product: ProductSpec | None) -> Format | None:
    """The filename format of a product, None when invalid: another check reports that."""
    try:
        return compile_format(product.format) if product else None
    except FormatError:
        return None


def format_problems(path: KeyPath, product: ProductSpec) -> Iterator[Problem]:
    """Fields whose values would be read back differently."""
    made = format_of(product)
    if made is None:
        return
    for name in sorted(made.fields):
        if "=" in name or any(letter.isspace() for letter in name):
            text = f"the field {{{name}}} has a blank or '=' in its name; keywords are kept as a=b c=d"
            yield Problem((*path, "format"), f"{text}: use letters and '_'")
    fault = misread_field(product.format) or _other_case(made.fields)
    if fault is None and only_its_name_says(product):
        fault = _no_day(made.fields)
    if fault is not None:
        yield Problem((*path, "format"), fault)


def directory_field_problems(path: KeyPath, product: ProductSpec, *, by_name: bool) -> Iterator[Problem]:
    """Fields of a directory that nothing fills: neither the date of a file nor its name.

    `by_name`: its inspector fills none, as in dbprocessing; else one of its own may.
    """
    known = format_of(product)
    parts = [compile_format(part) for part in product.directory.split("/") if part]
    fault = _other_case(field for part in parts for field in part.fields)
    given = known.fields if known else frozenset()
    unknown = sorted(frozenset(field for part in parts for field in part.keyword_fields) - given)
    if fault is None and known and unknown and (by_name or product.inspector.is_builtin):
        other = next((field for field in FIELDS if field != unknown[0] and field.lower() == unknown[0].lower()), None)
        fault = f"the field {{{unknown[0]}}} is neither one of the date nor one of the format, so nothing can fill it"
        fault += f"; did you mean {{{other}}}?" if other else "; put it into the format, too, or leave it out"
    if fault is not None:
        yield Problem(path, fault)


def _other_case(fields: Iterable[str]) -> str | None:
    """What is wrong with a keyword that is written almost as a field with a meaning."""
    by_lower = {field.lower(): field for field in FIELDS}
    for field in sorted(set(fields)):
        meant = by_lower.get(field.lower())
        if meant is not None and field not in FIELDS:
            text = f"{{{field}}} would be a keyword, and differs from {{{meant}}} by case alone"
            return f"{text}; did you mean {{{meant}}}? Else give the keyword another name"
    return None


def _no_day(fields: frozenset[str]) -> str | None:
    """What is wrong with a name that tells a day or a time of day, and not of which month or day they are."""
    if fields & {"DATE", "datetime", "j"} or not fields & {"d", *TIME_OF_DAY}:
        return None
    has_month = bool(fields & {"m", "b"})
    if has_month and "d" in fields:
        return None
    if "d" in fields:
        meant = "; did you mean {m} where {M} stands, which are minutes?" if "M" in fields else "; put {m} into it, too"
        return f"{{d}} is the day of a month, and the format names no month{meant}"
    meant = "; put {d} into it, too" if has_month else "; put {m}{d} into it, too"
    if fields & TIME_OF_DAY == {"M"} and not has_month:
        meant = "; did you mean {m}?"
    return f"{in_braces(sorted(fields & TIME_OF_DAY))} is a time of day, and the format names no day{meant}"


def in_braces(fields: Iterable[str]) -> str:
    """Fields as a format has them."""
    return "".join(f"{{{field}}}" for field in fields)


def companion_problems(definition: Definition) -> Iterator[Problem]:
    """Companion directories that another product would claim, or that the format does not allow."""
    products = [each for each in definition.products.values() if each.active]
    made = made_products(definition)
    for product in products:
        path: KeyPath = ("product", product.name, "companion")
        if product.inspector.file == "idx" and not product.companion:
            yield Problem(path, "the files of the inspector 'idx' own the directory of their stem; leave companion out")
        for other in products if product.companion else ():
            text = _shared(product, other) if other is not product else None
            if text is None and not definition.partial and not made & {product.name, other.name}:
                text = _shared_on_arrival(product, other)
            if text is not None:
                yield Problem(
                    path, f"{text}; give one of them another directory, or formats that differ before the end"
                )


def _shared(product: ProductSpec, other: ProductSpec) -> str | None:
    """Another product's files or directories at the companion directories of a product."""
    companions = [*_parts(product.directory), os.path.splitext(product.format)[0]]
    directory, names = _parts(other.directory), [*_parts(other.directory), other.format]
    if len(directory) >= len(companions) and _all_alike(companions, directory):
        return f"the directory of a file, {'/'.join(companions)}/, can be that of the product {other.name!r}"
    if len(names) == len(companions) and _all_alike(companions, names):
        return f"the directory of a file, {'/'.join(companions)}/, can be a file of the product {other.name!r}"
    if other.companion and other.name > product.name:
        stems = [*directory, os.path.splitext(other.format)[0]]
        if len(stems) == len(companions) and _all_alike(companions, stems):
            return f"the directory {'/'.join(companions)}/ would belong to a file of the product {other.name!r} as well"
    return None


def _shared_on_arrival(product: ProductSpec, other: ProductSpec) -> str | None:
    """The same in incoming, for another product that is delivered too.

    Two files with the same name are fine: only one is there at a time, and its inspector says what it is.
    """
    (stem, suffix), (other_stem, other_suffix) = (os.path.splitext(each.format) for each in (product, other))
    if (
        not other.companion
        or other.name >= product.name
        or suffix == other_suffix
        or not can_be_alike(stem, other_stem)
    ):
        return None
    return f"in incoming the directory {stem}/ would belong to a file of the product {other.name!r} as well"


def made_products(definition: Definition) -> set[str]:
    """The products that processes make."""
    return {name for process in definition.processes.values() for name in process.outputs}


def _parts(directory: str) -> list[str]:
    return [part for part in directory.split("/") if part not in ("", ".")]


def _all_alike(ones: list[str], others: list[str]) -> bool:
    return all(one == other or can_be_alike(one, other) for one, other in zip(ones, others, strict=False))


def can_be_alike(one: str, other: str) -> bool:
    """Whether two patterns surely share a name: each matches an example of the other, or one is that name.

    A keyword can have any value, so one example with keywords proves nothing.
    """
    if "{" not in one:
        one, other = other, one
    if "{" not in other:
        return _is_like(one, other) and not _keyword_fields(one)
    return _is_like(one, other) and _is_like(other, one)


def _keyword_fields(pattern: str) -> frozenset[str]:
    try:
        return compile_format(pattern).keyword_fields
    except FormatError:
        return frozenset()


def _is_like(pattern: str, example: str) -> bool:
    try:
        made = compile_format(example)
        name = made.render(_SAMPLE, "1.2.3", dict.fromkeys(made.keyword_fields - TIME_OF_DAY, _ANY_KEYWORD))
        return compile_format(pattern).pattern.fullmatch(name) is not None
    except FormatError:
        return False


def delivery_problems(definition: Definition) -> Iterator[Problem]:
    """Delivered products whose names count as unfinished files."""
    made = made_products(definition)
    for product in definition.products.values():
        if definition.partial or product.name in made or not product.active:
            continue
        name = product.format if product.format.startswith(".") else f"x{product.format}"
        if is_unfinished(name):
            text = f"files named like {product.format!r} count as unfinished (a leading dot, .part, .tmp, ~ …)"
            yield Problem(
                ("product", product.name, "format"), f"{text} and would stay in incoming for ever; take other names"
            )


def file_problems(process: ProcessSpec, products: Mapping[str, ProductSpec]) -> Iterator[Problem]:
    """Processes of timebase FILE that merge keywords, and whose products differ in them: they can never work."""
    keywords = {
        given.product: fields
        for given in process.inputs
        if (fields := _keywords(products.get(given.product))) is not None
    }
    yield from _never_due(process, keywords, products)
    for name in process.outputs:
        made = format_of(products.get(name))
        if made is not None:
            yield from _same_names(process, name, made, keywords)


def _never_due(
    process: ProcessSpec, keywords: Mapping[str, frozenset[str]], products: Mapping[str, ProductSpec]
) -> Iterator[Problem]:
    required = sorted((given for given in process.inputs if not given.optional), key=lambda given: bool(given.choice))
    first = next((given.product for given in required if given.product in keywords), None)
    if first is None:
        return
    for given in process.inputs:
        other = given.product
        if keywords.get(other, keywords[first]) == keywords[first]:
            continue
        fields = sorted(keywords[other] ^ keywords[first])
        having, lacking = (first, other) if fields[0] in keywords[first] else (other, first)
        if not only_its_name_says(products[lacking]):
            continue
        is_left_out = given.optional or given.choice is not None
        what = "is never taken as" if is_left_out else "is never due, as"
        subject = f"{other!r}" if is_left_out else f"the process {process.name!r}"
        text = f"{subject} {what} timebase FILE takes inputs of the same keywords, and {having!r} has {{{fields[0]}}}"
        remedy = f"while {lacking!r} has not; put it into both formats, or into none"
        yield Problem(("process", process.name, "inputs"), f"{text}, {remedy}")


def _same_names(
    process: ProcessSpec, name: str, made: Format, keywords: Mapping[str, frozenset[str]]
) -> Iterator[Problem]:
    for given, fields in keywords.items():
        lost = sorted(fields - TIME_OF_DAY - made.fields)
        if lost:
            text = (
                f"the process {process.name!r} makes a file for each {{{lost[0]}}} of {given!r}, all of the same name"
            )
            yield Problem(("product", name, "format"), f"{text}; put {{{lost[0]}}} into the format")
            return


def digits_problems(process: ProcessSpec, made: ProductSpec, products: Mapping[str, ProductSpec]) -> Iterator[Problem]:
    """Keywords written with another number of digits than read."""
    wanted = digits_of(made.format)
    for given in process.inputs:
        product = products.get(given.product)
        read = digits_of(product.format) if product and format_of(product) else {}
        for field in sorted(wanted.keys() & read.keys()):
            if wanted[field] != read[field]:
                text = f"the field {{{field}}} has {wanted[field]} digits, and in the format of {given.product!r}"
                yield Problem(("product", made.name, "format"), f"{text} it has {read[field]}; give both the same")


def _keywords(product: ProductSpec | None) -> frozenset[str] | None:
    """The keywords that every file of a product has; None when only its inspector knows."""
    made = format_of(product)
    return made.keyword_fields if made and product and product.inspector.is_builtin else None


def only_its_name_says(product: ProductSpec) -> bool:
    """Whether no file of a product is opened to see what it is."""
    return product.inspector.file == "filename"
