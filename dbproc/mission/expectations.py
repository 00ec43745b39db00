"""What a product says about files to come, against its filename format."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbproc.core.expectations import ALLOWED, NAMED, key_names, read_expectation, read_key
from dbproc.core.filenames import Format, field_pattern
from dbproc.core.spec import Definition, KeyPath, ProductSpec
from dbproc.mission.formats import format_of, in_braces
from dbproc.mission.partitions import lacking
from dbproc.mission.problems import Problem, suggestion

_NEEDS = ("keys", "expect_from", "expect_to", "late_after")
_LABELS = {"expect_from": "from", "expect_to": "to"}


def expectation_problems(definition: Definition) -> Iterator[Problem]:
    """Expectations that no file could meet, and what is said of none."""
    for product in definition.products.values():
        path: KeyPath = ("product", product.name)
        format = format_of(product)
        if not product.expect:
            yield from _idle(path, product)
        elif format is not None:
            yield from _cadence_problems(path, product, format)
            yield from _key_problems(path, product, format)
        if product.expect_from and product.expect_to and product.expect_from > product.expect_to:
            text = f"from {product.expect_from} is after to {product.expect_to}; no file would be expected"
            yield Problem((*path, "from"), text)


def _idle(path: KeyPath, product: ProductSpec) -> Iterator[Problem]:
    for name in _NEEDS:
        if getattr(product, name):
            text = f"says nothing without expect; add expect, how often a file comes ({ALLOWED}), or leave it out"
            yield Problem((*path, _LABELS.get(name, name)), text)


def _cadence_problems(path: KeyPath, product: ProductSpec, format: Format) -> Iterator[Problem]:
    cadence = read_expectation(product.expect)
    if cadence is None:
        text = f"{product.expect!r} does not say how often a file comes; write {ALLOWED}"
        yield Problem((*path, "expect"), text + suggestion(product.expect.lower(), NAMED, listed=False))
        return
    fields = lacking(format, cadence.timebase, cadence.step)
    if fields and product.inspector.is_builtin:
        text = f"{product.expect!r} contradicts the format {product.format!r}: two files would have one name"
        yield Problem((*path, "expect"), f"{text}; put {in_braces(fields)} into the format, or expect files less often")


def _key_problems(path: KeyPath, product: ProductSpec, format: Format) -> Iterator[Problem]:
    names = key_names(format.keyword_fields)
    for position, text in enumerate(product.keys):
        fault = _key_fault(text, names, product, format)
        if fault is None and text in product.keys[:position]:
            fault = f"{text!r} is listed twice; list it once"
        if fault is not None:
            yield Problem((*path, "keys", position), fault)


def _key_fault(text: str, names: tuple[str, ...], product: ProductSpec, format: Format) -> str | None:
    if not names:
        return f"the format {product.format!r} has no keyword of which {text!r} could be a value; leave keys out"
    values = read_key(text, names)
    if values is None:
        written = " ".join(f"{name}=…" for name in names)
        what = f"write {written}" if len(names) > 1 else f"write the value of {{{names[0]}}} alone, or {written}"
        return f"{text!r} is no key of the format {product.format!r}; {what}"
    for name, value in values.items():
        if re.fullmatch(field_pattern(format, name), value, re.ASCII) is None:
            return f"{value!r} can never stand for {{{name}}} in the format {product.format!r}"
    return None
