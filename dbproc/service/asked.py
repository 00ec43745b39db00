"""What the query of a request asks for: times and keys, files, a page of a list. Commands read the same words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from dbproc.core.errors import UserError
from dbproc.core.model import Period
from dbproc.core.slot_text import TIME_EXAMPLES, SlotChoice, choice_of, read_time
from dbproc.core.states import Quality, Standing
from dbproc.database.selection import Selection, read_digest, selection_of
from dbproc.service.answers import MOST, Form, Page

MOST_NUMBER = (1 << 63) - 1

When = Annotated[str | None, Query(description=f"a time: {TIME_EXAMPLES}", max_length=40, examples=["2024-05-06"])]
Text = Annotated[str | None, Query(max_length=1000)]
Names = Annotated[list[str], Query(max_length=1000)]
Keys = Annotated[list[str], Query(description="NAME=VALUE; may be repeated", examples=[["station=BOL"]])]
Number = Annotated[int, Path(ge=1, le=MOST_NUMBER)]
Name = Annotated[str, Path(min_length=1, max_length=1000)]
AsForm = Annotated[Form, Query(alias="format", description="JSON, or comma-separated values")]


async def known_words(request: Request) -> None:
    """Refuse a query with words that its path does not know: ``dryrun`` for ``dry_run`` would have things done.

    Raises
    ------
    UserError
        There is such a word.
    """
    route: APIRoute = request.scope["route"]
    known = sorted(_words(route.dependant))
    for word in request.query_params:
        if word not in known:
            raise UserError(
                f"nothing is called {word} here; what can be said in the query: {', '.join(known) or 'nothing'}"
            )


def _words(dependant: Dependant) -> Iterator[str]:
    yield from (each.alias for each in dependant.query_params)
    for each in dependant.dependencies:
        yield from _words(each)


def period_of(text: str | None) -> Period | None:
    """The time that a word of a query names."""
    return None if text is None else read_time(text)


def _page(
    limit: Annotated[int, Query(ge=1, le=MOST, description="at most so many")] = 100,
    after: Annotated[
        int | None, Query(ge=0, le=MOST_NUMBER, description="what follows this; the header Link has it")
    ] = None,
) -> Page:
    return Page(limit, after)


def _slots(start: When = None, end: When = None, key: Keys = []) -> SlotChoice:  # noqa: B006 - FastAPI copies it
    return choice_of(period_of(start), period_of(end), key)


def _files(
    start: When = None,
    end: When = None,
    key: Keys = [],  # noqa: B006
    product: Names = [],  # noqa: B006
    name: Names = [],  # noqa: B006
    *,
    newest: bool = False,
    missing: bool = False,
    withdrawn: bool = False,
    former: bool = False,
    offloaded: bool = False,
    quality: Annotated[list[Quality], Query()] = [],  # noqa: B006
    digest: Text = None,
    text: Text = None,
    run: Annotated[int | None, Query(ge=1, le=MOST_NUMBER)] = None,
    release: Text = None,
) -> Selection:
    return selection_of(
        name,
        product,
        start=period_of(start),
        end=period_of(end),
        keys=key,
        newest=newest,
        missing=missing,
        withdrawn=withdrawn,
        former=former,
        offloaded=offloaded,
        qualities=quality,
        digest=None if digest is None else read_digest(digest),
        text=text or "",
        run=run,
        release=release or "",
    )


Paged = Annotated[Page, Depends(_page)]
"""The part of a list that is asked for."""

Slots = Annotated[SlotChoice, Depends(_slots)]
"""Times and keys."""

Files = Annotated[Selection, Depends(_files)]
"""Files of the catalogue, as ``dbproc files`` selects them."""

Word = Annotated[str, Field(min_length=1, max_length=1000)]
Words = Annotated[list[Word], Field(max_length=1000)]
Time = Annotated[str | None, Field(max_length=40, examples=["2024-05-06"])]


class Asked(BaseModel):
    """The body of a request, in which nothing stands that is not known."""

    model_config = ConfigDict(extra="forbid")


class OfFiles(Asked):
    """Files of the catalogue, by their names or numbers, or of products, of a time, of a key."""

    name: Words = []
    product: Words = []
    start: Time = None
    end: Time = None
    key: Words = Field([], description="NAME=VALUE")

    def files(self, standings: frozenset[Standing]) -> Selection:
        """The files that are meant: those of some standings; an empty set: it does not matter."""
        return selection_of(
            self.name,
            self.product,
            start=period_of(self.start),
            end=period_of(self.end),
            keys=self.key,
            standings=standings,
        )
