"""Alembic's entry: runs the migrations on the connection that dbproc.database.store hands over."""

from __future__ import annotations

from alembic import context

from dbproc.database.schema import complete_metadata


def _run() -> None:
    connection = context.config.attributes.get("connection")
    if connection is None:
        raise SystemExit("migrations are run by dbproc: dbproc init DATABASE, dbproc upgrade -m DATABASE")
    context.configure(connection=connection, target_metadata=complete_metadata(), render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


_run()
