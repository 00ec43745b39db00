"""What every request works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from dbproc.core.model import Mission
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store
from dbproc.service.traffic import Traffic


def nothing() -> None:
    """What is done where nobody waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A mission that is served.

    Attributes
    ----------
    reading, writing
        Its database, opened to read only, and to write: whoever begins a transaction to write keeps runs waiting. Every
        thread may begin transactions of its own.
    is_open
        Whether nobody has to be known: on the loopback alone.
    root_path
        The path below which a proxy in front shows the service: ``/dbproc``, or nothing.
    wake
        Called when something was recorded that a run has to do.
    traffic
        The requests that were answered.
    """

    reading: Store
    writing: Store
    is_open: bool = False
    root_path: str = ""
    wake: Callable[[], None] = nothing
    traffic: Traffic = field(default_factory=Traffic)

    def mission(self) -> Mission:
        """The mission as it is now."""
        with self.reading.begin() as connection:
            return load_mission(connection)


async def context_of(request: Request) -> Context:
    """What a request works with; nothing is waited for, so no thread is needed."""
    context: Context = request.app.state.context
    return context


Here = Annotated[Context, Depends(context_of)]
"""The parameter of an endpoint that gets it."""
