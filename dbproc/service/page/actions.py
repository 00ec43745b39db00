"""What operators do by way of the page: each shows first what it would do, asks, and is entered in the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fastapi import Response
from fastapi.responses import RedirectResponse

from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.states import EXISTING, CampaignStatus
from dbproc.core.text import number_words
from dbproc.database.selection import selection_of
from dbproc.explain.trail import audit_entries
from dbproc.service import actions
from dbproc.service.page.views import Fields, Operating, View, page_router
from dbproc.service.sessions import Posted

router = page_router()

_ROWS = 100
_FEW = 200
_PLACEHOLDER = "?"  # where something is only looked at: the reason comes with the form


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that can be done: what it is called, on the page and on its button; where it leads to; what does it, or
    with `only_look` says in sentences what it would do."""

    title: str
    button: str
    back: str
    act: Callable[[View, Fields, bool], list[str]]
    asks_reason: bool = False
    is_grave: bool = False


# --- each of them ---


def _retry(view: View, asked: Fields, only_look: bool) -> list[str]:
    found = actions.retry(
        view.here,
        view.asking,
        tuple(asked.many("only")) or None,
        asked.choice(),
        dismissed=asked.flag("dismissed"),
        only_look=only_look,
    )
    left = f"{found.dismissed:,} more are left out, because they were dismissed"
    jobs = f"The next run tries {number_words(found.jobs, 'failed job')} again."
    return [jobs, *found.notes, *([left] if found.dismissed else [])]


def _dismiss(view: View, asked: Fields, only_look: bool) -> list[str]:
    reason = _reason(asked, only_look)
    only = tuple(asked.many("only")) or None
    found = actions.dismiss(view.here, view.asking, only, asked.choice(), reason=reason, only_look=only_look)
    names = (f"{each.process} {each.slot}: {each.message or ''}" for each in found.failures)
    return [f"{number_words(len(found.failures), 'failure')} that nobody will mend:", *_some(names)]


def _release(view: View, asked: Fields, only_look: bool) -> list[str]:
    numbers, reason = _numbers(asked), asked.text("reason") or ""
    found = actions.release(view.here, view.asking, numbers, reason, only_look=only_look)
    return [f"Entry {each.quarantine_id} goes back into incoming, where the next run takes it." for each in found]


def _withdraw(view: View, asked: Fields, only_look: bool) -> list[str]:
    found = actions.withdraw(
        view.here,
        view.asking,
        selection_of(asked.many("name"), standings=EXISTING),
        _reason(asked, only_look),
        whole_slot=asked.flag("whole_slot"),
        only_look=only_look,
    )
    told = [
        f"{each.file} is withdrawn"
        + (f"; {each.successor} is the newest then" if each.successor else "")
        + (f": {each.why}" if each.why else "")
        for each in found.files
    ]
    made = [f"{each.file}, made from it: {each.becomes}" for each in found.descendants]
    held = [f"The release {name} holds it, or what is withdrawn with it." for name in found.releases]
    return [*_some(told), *held, *_some(made)]


def _restore(view: View, asked: Fields, only_look: bool) -> list[str]:
    found = actions.restore(view.here, view.asking, selection_of(asked.many("name")), only_look=only_look)
    told = [f"{each.file} comes back; it was {each.was}" for each in found.files]
    return [*_some(told), *_some(f"{each.file}, made from it: {each.becomes}" for each in found.descendants)]


def _retry_transfers(view: View, asked: Fields, only_look: bool) -> list[str]:
    found = actions.retry_transfers(view.here, view.asking, _numbers(asked), only_look=only_look)
    rest = [f"Transfer {each} is left as it is: it is at work, or came already." for each in found.unchanged]
    return [f"{number_words(len(found.changed), 'transfer')} is tried at once." for _ in found.changed[:1]] + rest


def _cancel_transfers(view: View, asked: Fields, only_look: bool) -> list[str]:
    reason = asked.text("reason") or ""
    found = actions.cancel_transfers(view.here, view.asking, _numbers(asked), reason, only_look=only_look)
    rest = [f"Transfer {each} is left as it is: it is at its end." for each in found.unchanged]
    return [f"Transfer {each} is given up, and what came of it is removed." for each in found.changed] + rest


def _campaign(status: CampaignStatus) -> Callable[[View, Fields, bool], list[str]]:
    def act(view: View, asked: Fields, only_look: bool) -> list[str]:
        name = asked.text("name")
        if name is None:
            raise UserError("say which campaign")
        found = actions.change_campaign(view.here, view.asking, name, status, only_look=only_look)
        left = ", ".join(f"{count:,} {item}" for item, count in found.items.items() if count)
        return [f"The campaign {found.name} is {found.status} then; its items: {left or 'none'}."]

    return act


def _run(view: View, _: Fields, only_look: bool) -> list[str]:
    found = actions.start_run(view.here, view.asking, only_look=only_look)
    if found.running is not None:
        return [f"A run is at work: {found.running}. Another one begins when it has ended."]
    if found.jobs is None:
        return ["A run begins now."]
    return [f"A run begins; as things are now it would have {number_words(found.jobs, 'job')}."]


DEEDS = {
    "retry": Deed("Try failed jobs again", "Try again", "failures", _retry),
    "dismiss": Deed("Dismiss failures", "Dismiss", "failures", _dismiss, asks_reason=True, is_grave=True),
    "release": Deed("Release from quarantine", "Release", "quarantine", _release, asks_reason=True),
    "withdraw": Deed("Withdraw a file", "Withdraw", "files", _withdraw, asks_reason=True, is_grave=True),
    "restore": Deed("Restore a file", "Restore", "files", _restore),
    "retry-transfers": Deed("Try transfers again", "Try again", "transfers", _retry_transfers),
    "cancel-transfers": Deed(
        "Give transfers up",
        "Give up",
        "transfers",
        _cancel_transfers,
        asks_reason=True,
        is_grave=True,
    ),
    "pause": Deed("Pause a campaign", "Pause", "campaigns", _campaign(CampaignStatus.PAUSED)),
    "resume": Deed("Go on with a campaign", "Go on", "campaigns", _campaign(CampaignStatus.ACTIVE)),
    "cancel": Deed(
        "Give up a campaign",
        "Give up",
        "campaigns",
        _campaign(CampaignStatus.CANCELLED),
        is_grave=True,
    ),
    "run": Deed("Start a run", "Start", "", _run),
}
"""By the last part of their paths."""


def _reason(asked: Fields, only_look: bool) -> str:
    return asked.text("reason") or (_PLACEHOLDER if only_look else "")


def _numbers(asked: Fields) -> list[int]:
    texts = asked.many("number")
    if not texts or not all(each.isascii() and each.isdigit() and len(each) < 19 for each in texts):
        raise UserError("say which ones, by their numbers")
    return [int(each) for each in texts]


def _some(lines: Iterator[str] | list[str]) -> list[str]:
    """The first of many lines."""
    found = list(lines)
    more = len(found) - _FEW
    return found if more <= 0 else [*found[:_FEW], f"and {more:,} more"]


# --- looking and doing ---


@router.get("/actions/{name}")
def look(view: Operating, name: str) -> Response:
    """What something would do, and the form that asks."""
    deed = _deed(name)
    return view.show("action.html", deed=deed, name=name, words=deed.act(view, view.asked, True))


@router.post("/actions/{name}")
def do(view: Operating, name: str, form: Posted) -> Response:
    """Do it."""
    deed = _deed(name)
    deed.act(view, Fields(form), False)
    view.request.app.state.kept.forget()
    return RedirectResponse(view.address(deed.back, done=name), 303)


def _deed(name: str) -> Deed:
    if name not in DEEDS:
        raise NotFoundError(f"nothing is called {name} that could be done")
    return DEEDS[name]


@router.get("/audit")
def audit(view: Operating) -> Response:
    """What was done by way of the service, and by whom."""
    asked = view.asked
    rows = audit_entries(
        view.store,
        most=_ROWS + 1,
        before=asked.number("after"),
        who=asked.text("who") or "",
        action=asked.text("action") or "",
        object=asked.text("object") or "",
    )
    after = rows[_ROWS - 1].number if len(rows) > _ROWS else None
    return view.show("audit.html", rows=rows[:_ROWS], after=after)
