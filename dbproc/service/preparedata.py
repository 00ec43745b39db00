"""prepare-data, as SKA's sites have it: a list of files is posted, and the task that provides them is asked about.

A task is a request for staging: what is posted is entered, and runs place it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import APIRouter, Body, Request, Response

from dbproc.changes.staging.answer import StageAnswer
from dbproc.changes.staging.origins import StoreFile
from dbproc.changes.staging.request import Wanted, rule_of
from dbproc.core import rucio
from dbproc.core.errors import UserError
from dbproc.core.model import Mission
from dbproc.core.places import AreaSpec, Layout, StoreSpec
from dbproc.core.prepare_data import SUCCESSFUL, Triple, wanted, word_of
from dbproc.core.staging import Destination, owner_name
from dbproc.core.states import StageState
from dbproc.core.text import size_words
from dbproc.database import transfers
from dbproc.database.staging import StagedFile
from dbproc.service.access import Stager
from dbproc.service.answers import CHANGING, READING, answered, says
from dbproc.service.api.stages import enter, owned
from dbproc.service.asked import Number
from dbproc.service.context import Here

Named = TypeVar("Named", AreaSpec, StoreSpec)
router = APIRouter(tags=["prepare-data"])

Triples = Annotated[
    list[Triple],
    Body(
        min_length=1,
        max_length=10_000,
        description="`scope:name`, the path below the storage element (empty or null: as Rucio computes it), and the "
        "directory below the user's own",
        examples=[[["testing:prepare_data_test.txt", "testing/84/1c/prepare_data_test.txt", "./testing"]]],
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task that was begun."""

    task_id: str  #: by which it is asked about


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFile:
    """A file of a task."""

    did: str | None  #: its identifier; null: it lies elsewhere than Rucio computes
    state: StageState  #: what it is at
    bytes: int | None  #: how many of its bytes are there already; null: it is linked
    total: int | None  #: how many it has; null: nobody knows yet
    digest: str | None  #: that of its bytes; null: nobody knows yet
    target: str  #: its path in the area
    reason: str  #: why it waits or failed


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """What a task is at."""

    status: str  #: in the words of Celery: ``PENDING``, ``STARTED``, ``RETRY``, ``SUCCESS``, ``FAILURE``, ``REVOKED``
    info: str  #: what goes on, or why it failed
    files: tuple[TaskFile, ...]  #: its files, by their paths


@router.post("/", responses=CHANGING | says(Task, located=True))
@router.post("/preparedata", responses=CHANGING | says(Task, located=True))
def submit(here: Here, who: Stager, asked: Triples, request: Request) -> Response:
    """Have files of the storage element put into the area of who asks. Posted again while it is open it is the same
    task."""
    mission = here.mission()
    store, files = _element(mission), dict.fromkeys(map(wanted, asked))
    found = enter(
        here,
        who,
        Wanted(
            to=Destination(_area(mission).name, owner_name(who.name)),
            store_files=tuple(StoreFile(store=store.name, path=each.path, below=each.directory) for each in files),
            user=who.name,
        ),
    )
    path = request.scope["route"].path.rstrip("/")
    return answered(Task(task_id=str(found.stage_id)), 200, f"{here.root_path}{path}/{found.stage_id}")


@router.get("/{number:int}", responses=READING | says(TaskState))
@router.get("/preparedata/{number:int}", responses=READING | says(TaskState))
def status(here: Here, who: Stager, number: Number) -> Response:
    """What a task is at."""
    found = owned(here, who, number)
    with here.reading.begin() as connection:
        states = transfers.counts_of(connection, rule_of(number))
    put_off = any(each.next_try is not None for each in found.files)
    word = word_of(found.state, states, is_put_off=put_off)
    return answered(TaskState(status=word, info=_info(found, word), files=tuple(map(_file, found.files))))


def _info(found: StageAnswer, word: str) -> str:
    """What goes on, in a sentence."""
    count, placed = len(found.files), found.count(StageState.PLACED)
    failed = [each for each in found.files if each.state is StageState.FAILED]
    if word == "SUCCESS":
        return SUCCESSFUL
    if word == "REVOKED":
        return f"What was provided was removed {found.removed_time:%Y-%m-%d %H:%M:%S}Z"
    if word == "FAILURE":
        return f"{len(failed)} of {count} files could not be provided: {_why(failed)}"
    waits = [each for each in found.files if each.state is StageState.WAITING]
    if word == "STARTED":
        moved = sum(each.moved or 0 for each in found.files)
        return f"Staging files: {placed} of {count} are there, {size_words(moved)} of {size_words(found.size)}"
    why = _why([each for each in waits if each.reason])
    return f"{placed} of {count} files are there; the others wait{f': {why}' if why else ' for their turn'}"


def _why(files: Sequence[StagedFile]) -> str:
    return f"{files[0].target}: {files[0].reason}" if files else ""


def _file(file: StagedFile) -> TaskFile:
    return TaskFile(
        did=rucio.did_of(file.origin.partition(": ")[2]),
        state=file.state,
        bytes={StageState.PLACED: file.size, StageState.REMOVED: 0}.get(file.state, file.moved),
        total=file.size,
        digest=file.digest,
        target=file.target,
        reason=file.reason,
    )


def _area(mission: Mission) -> AreaSpec:
    """The area into which files go."""
    return _one(mission.areas, mission.service.area, "area", "[area.NAME]")


def _element(mission: Mission) -> StoreSpec:
    """The store that is the storage element."""
    by_rucio = [each for each in mission.stores if each.layout is Layout.RUCIO]
    return _one(by_rucio or mission.stores, mission.service.rse, "rse", "[store.NAME]", of=mission.stores)


def _one(some: Sequence[Named], name: str, key: str, table: str, *, of: Sequence[Named] = ()) -> Named:
    """The one that is named, or the only one that there is."""
    found = [each for each in of or some if each.name == name] if name else some
    if len(found) != 1:
        remedy = f'[service] {key} = "NAME"' if some else f"{table} in the mission file"
        raise UserError(f"which one is meant is not known here; whoever runs this writes {remedy}")
    return found[0]
