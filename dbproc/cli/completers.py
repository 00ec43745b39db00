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
