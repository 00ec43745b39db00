"""Answers written to a file that the user names: whole or not at all."""

from __future__ import annotations

import os

import click

from dbproc.core.errors import UserError
from dbproc.storage.renaming import rename


def write_file(name: str, content: bytes, *, is_new: bool = False) -> None:
    """Write a file, in the place of one that there is unless it `is_new`; ``-`` is standard output.

    Raises
    ------
    UserError
        It cannot be written.
    """
    if name == "-":
        click.echo(content, nl=False)
        return
    partial = f"{name}.{os.getpid()}.partial"
    try:
        with open(partial, "xb") as stream:
            stream.write(content)
        (rename if is_new else os.replace)(partial, name)
    except OSError as error:
        if os.path.lexists(partial):
            os.unlink(partial)
        raise UserError(f"cannot write {name}: {error.strerror}; name another file") from error
    click.echo(f"wrote {name}")
