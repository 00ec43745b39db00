"""``/api/v1/actions``: what people do; each with ``?dry_run=true`` says what it would do, and changes nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from dbproc.changes.dismiss import Dismissals
from dbproc.changes.restore import Restored
from dbproc.changes.retry import Armed
from dbproc.changes.transfers import TransfersChanged
from dbproc.changes.withdraw import Withdrawn
from dbproc.core.slot_text import SlotChoice, choice_of
from dbproc.core.states import EXISTING, CampaignStatus
from dbproc.database.campaigns import CampaignRow
from dbproc.ingest.quarantine import Settled
from dbproc.service import actions
from dbproc.service.access import Operator
from dbproc.service.actions import RunAsked
from dbproc.service.answers import CHANGING, answered, says
from dbproc.service.asked import MOST_NUMBER, Asked, Name, OfFiles, Time, Words, period_of
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1/actions", tags=["actions"], responses=CHANGING)

DryRun = Annotated[bool, Query(description="say what would be done, and change nothing")]
Reason = Annotated[str, Field(max_length=2000, description="why; it is kept")]
Numbers = Annotated[list[Annotated[int, Field(ge=1, le=MOST_NUMBER)]], Field(min_length=1, max_length=1000)]


class OfSlots(Asked):
    """Failed jobs: of processes, of a time, of a key."""

    only: Words | None = Field(None, description="processes, by name or number; null: all")
    start: Time = None
    end: Time = None
    key: Words = Field([], description="NAME=VALUE")

    @property
    def processes(self) -> tuple[str, ...] | None:
        """The processes that are meant."""
        return None if self.only is None else tuple(self.only)

    @property
    def slots(self) -> SlotChoice:
        """The slots that are meant."""
        return choice_of(period_of(self.start), period_of(self.end), self.key)


class Retry(OfSlots):
    """Which failed jobs are tried again."""

    dismissed: bool = Field(False, description="those that were dismissed, instead of the open ones")


class Dismiss(OfSlots):
    """Which failed jobs nobody will mend."""

    reason: Reason


class Withdraw(OfFiles):
    """Which files are taken back."""

    reason: Reason
    whole_slot: bool = Field(False, description="every version, so that no earlier one takes the place")


class Release(Asked):
    """Which entries leave the quarantine."""

    numbers: Numbers
    reason: Reason = ""


class OfTransfers(Asked):
    """Transfers, by their numbers."""

    numbers: Numbers


class CancelTransfers(OfTransfers):
    """Which transfers are given up."""

    reason: Reason = ""


@router.post("/retry", responses=says(Armed))
def retry(here: Here, who: Operator, asked: Annotated[Retry, Body()], *, dry_run: DryRun = False) -> Response:
    """Have the next run try failed jobs again, as ``dbproc retry`` does."""
    done = actions.retry(here, who, asked.processes, asked.slots, dismissed=asked.dismissed, only_look=dry_run)
    return answered(done)


@router.post("/dismiss", responses=says(Dismissals))
def dismiss(here: Here, who: Operator, asked: Dismiss, *, dry_run: DryRun = False) -> Response:
    """Say of failed jobs that nobody will mend them, as ``dbproc dismiss`` does."""
    return answered(actions.dismiss(here, who, asked.processes, asked.slots, reason=asked.reason, only_look=dry_run))


@router.post("/withdraw", responses=says(Withdrawn))
def withdraw(here: Here, who: Operator, asked: Withdraw, *, dry_run: DryRun = False) -> Response:
    """Take files back, as ``dbproc withdraw`` does."""
    files = asked.files(EXISTING)
    return answered(actions.withdraw(here, who, files, asked.reason, whole_slot=asked.whole_slot, only_look=dry_run))


@router.post("/restore", responses=says(Restored))
def restore(here: Here, who: Operator, asked: OfFiles, *, dry_run: DryRun = False) -> Response:
    """Undo the last correction of files, as ``dbproc restore`` does."""
    return answered(actions.restore(here, who, asked.files(frozenset()), only_look=dry_run))


@router.post("/quarantine/release", responses=says(Settled, many=True))
def release(here: Here, who: Operator, asked: Release, *, dry_run: DryRun = False) -> Response:
    """Put files out of quarantine back into incoming, as ``dbproc quarantine release`` does."""
    return answered(list(actions.release(here, who, asked.numbers, asked.reason, only_look=dry_run)))


@router.post("/transfers/retry", responses=says(TransfersChanged))
def retry_transfers(here: Here, who: Operator, asked: OfTransfers, *, dry_run: DryRun = False) -> Response:
    """Have transfers be tried at once, as ``dbproc transfers retry`` does."""
    return answered(actions.retry_transfers(here, who, asked.numbers, only_look=dry_run))


@router.post("/transfers/cancel", responses=says(TransfersChanged))
def cancel_transfers(here: Here, who: Operator, asked: CancelTransfers, *, dry_run: DryRun = False) -> Response:
    """Give transfers up, as ``dbproc transfers cancel`` does."""
    return answered(actions.cancel_transfers(here, who, asked.numbers, asked.reason, only_look=dry_run))


@router.post("/campaigns/{campaign}/pause", responses=says(CampaignRow))
def pause(here: Here, who: Operator, campaign: Name, *, dry_run: DryRun = False) -> Response:
    """Let a campaign rest, as ``dbproc campaign pause`` does."""
    return answered(actions.change_campaign(here, who, campaign, CampaignStatus.PAUSED, only_look=dry_run))


@router.post("/campaigns/{campaign}/resume", responses=says(CampaignRow))
def resume(here: Here, who: Operator, campaign: Name, *, dry_run: DryRun = False) -> Response:
    """Go on with a campaign, as ``dbproc campaign resume`` does."""
    return answered(actions.change_campaign(here, who, campaign, CampaignStatus.ACTIVE, only_look=dry_run))


@router.post("/campaigns/{campaign}/cancel", responses=says(CampaignRow))
def cancel(here: Here, who: Operator, campaign: Name, *, dry_run: DryRun = False) -> Response:
    """Give a campaign up for good, as ``dbproc campaign cancel`` does."""
    return answered(actions.change_campaign(here, who, campaign, CampaignStatus.CANCELLED, only_look=dry_run))


@router.post("/run", status_code=202, responses=says(RunAsked, 202))
def run(here: Here, who: Operator, *, dry_run: DryRun = False) -> Response:
    """Have a run be started, where the service starts them."""
    return answered(actions.start_run(here, who, only_look=dry_run), 202)
