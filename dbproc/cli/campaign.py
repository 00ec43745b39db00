"""``dbproc campaign list | show | pause | resume | cancel``."""

from __future__ import annotations

import click

from dbproc.cli.common import asking_options, cell, open_mission, open_own_mission, show, show_rows
from dbproc.cli.groups import Group
from dbproc.cli.mission_name import before_option
from dbproc.core.durations import rough_text
from dbproc.core.states import CampaignStatus, ItemStatus
from dbproc.database import campaigns
from dbproc.database.campaigns import CampaignRow
from dbproc.explain.forecast import Outlook, campaign_outlook

_SHOWN = 20


@click.group("campaign", cls=Group)
@before_option
def campaign_command() -> None:
    """Look at campaigns, which reprocess bit by bit; pause, resume and cancel them."""


@campaign_command.command("list")
@asking_options
def list_command(mission: str, as_json: bool) -> None:
    """List the campaigns with their progress."""
    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        rows = campaigns.entries(connection)
    empty = "there is no campaign; begin one: dbproc reprocess … --campaign NAME"
    show_rows(rows, as_json, ("name", "status", *ItemStatus, "jobs", "CPU"), cells=_cells, empty=empty)


def _cells(row: CampaignRow) -> tuple[object, ...]:
    return (row.name, row.status, *row.items.values(), row.jobs, rough_text(row.cpu_hours * 3600))


@campaign_command.command("show")
@click.argument("name", metavar="CAMPAIGN")
@asking_options
def show_command(name: str, mission: str, as_json: bool) -> None:
    """Show the state of CAMPAIGN: cost, failures, and expected end."""
    with open_mission(mission, read_only=True) as store:
        facts = campaign_outlook(store, name)
    show(facts, as_json, _print_campaign)


def _print_campaign(facts: Outlook) -> None:
    limits = [
        f"at most {most} {unit} a run"
        for most, unit in ((facts.jobs_per_run, "jobs"), (facts.cpu_hours_per_run, "CPU hours"))
        if most is not None
    ]
    order = "newest first" if facts.newest_first else "oldest first"
    part = "only what is stale" if facts.version_bump is None else f"raises {facts.version_bump.name.lower()}"
    click.echo(f"campaign {facts.name}: {facts.status}")
    click.echo(f"  by {facts.user}, {cell(facts.created)}{': ' if facts.comment else ''}{cell(facts.comment)}")
    click.echo(f"  {', '.join([part, order, *limits])}")
    click.echo(f"  items: {', '.join(f'{count} {status}' for status, count in facts.items.items())}")
    click.echo(f"  spent: {facts.jobs} jobs, {rough_text(facts.cpu_hours * 3600)} of CPU")
    click.echo(f"  expected end: {facts.outlook}")
    for row in facts.failures[:_SHOWN]:
        click.echo(f"  failed {row.process} {row.slot}: {cell(row.message)}")
    if len(facts.failures) > _SHOWN:
        click.echo(f"  and {len(facts.failures) - _SHOWN} more failed; all of them: --json")


def _changes(name: str, status: CampaignStatus, help_text: str) -> click.Command:
    """A command that changes a campaign's status."""

    @campaign_command.command(name, help=help_text)
    @click.argument("campaign", metavar="CAMPAIGN")
    @asking_options
    def change(campaign: str, mission: str, as_json: bool) -> None:
        with open_own_mission(mission) as store, store.begin() as connection:
            campaigns.set_status(connection, campaign, status)
            facts = campaigns.entry(connection, campaign)
        show(facts, as_json, _print_change)

    return change


def _print_change(facts: CampaignRow) -> None:
    left = f"{facts.items[ItemStatus.WAITING]} items wait, {facts.items[ItemStatus.DONE]} are done and stay"
    click.echo(f"campaign {facts.name} is {facts.status}: {left}")


pause_command = _changes(
    "pause", CampaignStatus.PAUSED, "Let CAMPAIGN rest; what was built stays, and what runs is finished."
)


resume_command = _changes("resume", CampaignStatus.ACTIVE, "Go on with CAMPAIGN, which was paused.")


cancel_command = _changes("cancel", CampaignStatus.CANCELLED, "Give up CAMPAIGN for good; what was built stays.")
