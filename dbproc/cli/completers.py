"""What may stand for a product, a process or a file, for shells that complete it."""

from __future__ import annotations

import os
from collections.abc import Callable

import click

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def _completer(kind: str) -> Completer:
    def complete(ctx: click.Context, _: click.Parameter, begin: str) -> list[str]:
        from dbproc.database import names
        from dbproc.database.store import open_store

        mission = str(ctx.params.get("mission") or os.environ.get("DBPROC_MISSION", ""))
        try:  # whatever is wrong, a shell that completes says nothing of it
            with open_store(mission, read_only=True) as store, store.begin() as connection:
                found: list[str] = getattr(names, kind)(connection, begin)
        except Exception:
            return []
        return found

    return complete


complete_products = _completer("products")
complete_processes = _completer("processes")
complete_files = _completer("files")
complete_releases = _completer("releases")


def complete_subjects(ctx: click.Context, param: click.Parameter, begin: str) -> list[str]:
    """Products, then files: what ``why`` explains."""
    return [*complete_products(ctx, param, begin), *complete_files(ctx, param, begin)]


def complete_several_processes(ctx: click.Context, param: click.Parameter, begin: str) -> list[str]:
    """The last of several processes, with those that stand before it."""
    before, comma, last = begin.rpartition(",")
    return [f"{before}{comma}{name}" for name in complete_processes(ctx, param, last)]
