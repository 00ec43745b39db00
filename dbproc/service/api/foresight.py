"""``/api/v1/whatif`` and ``check``: what would be made if something changed; whether all is as it should be."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query, Response

from dbproc.changes.release import Request as Release
from dbproc.changes.reprocess import Selection
from dbproc.changes.whatif import Prediction, if_released, if_reprocessed
from dbproc.check.answer import Checked, checked
from dbproc.check.look import look, look_at
from dbproc.core.filenames import read_version
from dbproc.core.states import EXISTING, Standing
from dbproc.core.version import Part
from dbproc.database.selection import Selection as OfFiles
from dbproc.service.access import Operator, Reader
from dbproc.service.answers import READING, answered, says
from dbproc.service.asked import MOST_NUMBER, Name, Names, Slots, Text
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1", tags=["foresight"], responses=READING)

Force = Annotated[
    int | None, Query(ge=0, le=2, description="made even where it is up to date: 0 interface, 1 quality, 2 revision")
]
Version = Annotated[str, Query(pattern=r"^\d{1,9}\.\d{1,9}\.\d{1,9}$", examples=["2.0.0"])]


@router.get("/whatif/reprocess", responses=says(Prediction))
def reprocessed(
    here: Here,
    _: Reader,
    slots: Slots,
    product: Text = None,
    process: Text = None,
    code: Text = None,
    instrument: Text = None,
    level: float | None = None,
    file: Text = None,
    force: Force = None,
) -> Response:
    """What would be made if outputs were looked at again, or made again, as ``dbproc whatif reprocess`` says."""
    selection = Selection(
        product=product, process=process, code=code, instrument=instrument, level=level, file=file, slots=slots
    )
    return answered(if_reprocessed(here.reading, selection, None if force is None else Part(force)))


@router.get("/whatif/release/{process}", responses=says(Prediction))
def released(
    here: Here,
    _: Reader,
    process: Name,
    version: Version,
    start: dt.date | None = None,
    end: dt.date | None = None,
    output_interface: Annotated[int | None, Query(ge=1, le=MOST_NUMBER)] = None,
    *,
    rollback: bool = False,
) -> Response:
    """What would be made if a new version of the present code were released, as ``dbproc whatif release`` says."""
    release = Release(
        process=process,
        version=read_version(version),
        first=start,
        last=end,
        output_interface=output_interface,
        is_rollback=rollback,
    )
    return answered(if_released(here.reading, release))


@router.get("/check", responses=says(Checked))
def check(here: Here, _: Operator, slots: Slots, product: Names = [], *, plausible: bool = False) -> Response:  # noqa: B006
    """The faults of the mission, or of some files, as ``dbproc check`` finds them; their bytes are not read."""
    chosen = OfFiles(products=tuple(product), slots=slots, standings=EXISTING | {Standing.LOST})
    if chosen.is_empty:
        return answered(checked(look(here.reading, plausible=plausible)))
    return answered(checked(look_at(here.reading, chosen, plausible=plausible)))
