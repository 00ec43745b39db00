"""``dbproc campaign``: campaigns listed, shown, paused, resumed, cancelled."""

from __future__ import annotations

import click

from dbproc.cli.common import (
    cell,
    json_option,
    mission_option,
    open_mission,
    open_own_mission,
    print_columns,
    print_json,
)
from dbproc.core.states import CampaignStatus, ItemStatus
from dbproc.database import campaigns
from dbproc.explain.forecast import Outlook, campaign_outlook

_SHOWN = 20


@click.group("campaign")
def campaign_command() -> None:
    """Look at campaigns, which reprocess bit by bit; pause, resume and cancel them."""


@campaign_command.command("list")
@mission_option
@json_option
def list_command(mission: str, as_json: bool) -> None:
    """List the campaigns and how far they are."""
    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        rows = campaigns.entries(connection)
    if as_json:
        print_json(rows)
    elif rows:
        cells = [(row.name, row.status, *row.items.values(), row.jobs, f"{row.cpu_hours:.2f}") for row in rows]
        print_columns(("name", "status", *ItemStatus, "jobs", "cpu_hours"), cells)
    else:
        click.echo("there is no campaign; begin one: dbproc reprocess … --campaign NAME")


@campaign_command.command("show")
@click.argument("name")
@mission_option
@json_option
def show_command(name: str, mission: str, as_json: bool) -> None:
    """Show how campaign NAME stands, what it has spent, what failed, and when it may be at its end."""
    with open_mission(mission, read_only=True) as store:
        facts = campaign_outlook(store, name)
    if as_json:
        print_json(facts)
    else:
        _print_campaign(facts)


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
    click.echo(f"  spent: {facts.jobs} jobs, {facts.cpu_hours:.2f} CPU hours")
    click.echo(f"  expected end: {facts.outlook}")
    for row in facts.failures[:_SHOWN]:
        click.echo(f"  failed {row.process} {row.date} {row.keywords}".rstrip() + f": {cell(row.message)}")
    if len(facts.failures) > _SHOWN:
        click.echo(f"  and {len(facts.failures) - _SHOWN} more failed; all of them: --json")


def _changes(name: str, status: CampaignStatus, help_text: str) -> click.Command:
    """A command that gives a campaign another status."""

    @campaign_command.command(name, help=help_text)
    @click.argument("campaign", metavar="NAME")
    @mission_option
    @json_option
    def change(campaign: str, mission: str, as_json: bool) -> None:
        with open_own_mission(mission) as store, store.begin() as connection:
            campaigns.set_status(connection, campaign, status)
            facts = campaigns.entry(connection, campaign)
        if as_json:
            print_json(facts)
        else:
            left = f"{facts.items[ItemStatus.WAITING]} items wait, {facts.items[ItemStatus.DONE]} are done and stay"
            click.echo(f"campaign {campaign} is {facts.status}: {left}")

    return change


pause_command = _changes(
    "pause", CampaignStatus.PAUSED, "Let campaign NAME rest; what was built stays, and what runs is finished."
)


resume_command = _changes("resume", CampaignStatus.ACTIVE, "Go on with campaign NAME, which was paused.")


cancel_command = _changes("cancel", CampaignStatus.CANCELLED, "Give up campaign NAME for good; what was built stays.")
