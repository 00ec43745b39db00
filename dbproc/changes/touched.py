"""Whether codes and inspectors changed size, time or inode since they were digested: a look that every run takes."""

from __future__ import annotations

from collections.abc import Iterator

from dbproc.core.model import Code, Definition, Inspector
from dbproc.storage.bundle import bundle_stat
from dbproc.storage.digest import stat_text


def any_code_touched(definition: Definition) -> bool:
    """Whether a file of an active code, or one that it uses, changed size, time or inode since it was digested."""
    return any(is_touched(code) for code in codes_in(definition))


def any_inspector_touched(definition: Definition) -> bool:
    """The same for inspectors."""
    return any(is_inspector_touched(inspector) for inspector, _ in inspectors_in(definition))


def codes_in(definition: Definition) -> Iterator[Code]:
    return (code for found in definition.codes.values() for code in found)


def inspectors_in(definition: Definition) -> list[tuple[Inspector, tuple[str, ...]]]:
    """The inspectors that are files, each with its products."""
    products = [product for product in definition.products.values() if not product.inspector.is_builtin]
    return [(product.inspector, (product.name,)) for product in products]


def is_touched(code: Code) -> bool:
    try:
        return bundle_stat(code.path, code.uses) != code.stat
    except OSError:
        return False


def is_inspector_touched(inspector: Inspector) -> bool:
    try:
        return stat_text(inspector.name) != inspector.stat
    except OSError:
        return False
