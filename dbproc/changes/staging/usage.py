"""What users have in their areas, beside what they may have."""

from __future__ import annotations

from dataclasses import dataclass

from dbproc.core.model import Mission
from dbproc.core.staging import GIB
from dbproc.database import staging
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaUsage:
    """What a user has in an area."""

    area: str  #: the name of the area
    owner: str  #: the user
    requests: int  #: how many requests are not at an end
    placed: int  #: bytes that are placed; hard and symbolic links count nothing
    waiting: int  #: bytes that wait for their turn
    waiting_files: int  #: how many files wait
    failed_files: int  #: how many files cannot be placed
    quota: int | None  #: bytes that the user may have; null: there is no limit


def usage(store: Store) -> list[AreaUsage]:
    """What every user with a request that is not at an end has, area by area."""
    with store.begin() as connection:
        return usage_in(connection, load_mission(connection))


def usage_in(connection: Transaction, mission: Mission) -> list[AreaUsage]:
    """:func:`usage`, of a mission that is known."""
    quotas = {area.name: area.quota for area in mission.areas}
    return [
        AreaUsage(
            area=each.area,
            owner=each.owner,
            requests=each.requests,
            placed=each.placed,
            waiting=each.waiting,
            waiting_files=each.waiting_files,
            failed_files=each.failed_files,
            quota=None if (quota := quotas.get(each.area)) is None else int(quota * GIB),
        )
        for each in staging.usages(connection)
    ]
