"""The errors, and the tree that the module's docstring draws of them."""

from __future__ import annotations

from collections.abc import Iterator

from dbproc.core import errors


def drawn(error: type[errors.DbprocError], indent: str = "") -> Iterator[str]:
    """The subclasses that the module defines, as lines of a tree."""
    found = [each for each in error.__subclasses__() if each.__module__ == errors.__name__]
    for number, each in enumerate(found, 1):
        is_last = number == len(found)
        yield f"{indent}{'└' if is_last else '├'}── {each.__name__}"
        yield from drawn(each, f"{indent}{' ' if is_last else '│'}   ")


def test_the_docstring_draws_the_tree_of_errors() -> None:
    tree = ["DbprocError", *drawn(errors.DbprocError)]
    assert errors.__doc__.split("::\n\n")[1].rstrip() == "\n".join(f"    {line}" for line in tree)
