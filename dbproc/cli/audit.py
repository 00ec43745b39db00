"""``dbproc audit list | verify``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbproc.cli.common import asking_options, cell, echo_folded, open_mission, print_columns, show
from dbproc.cli.groups import Group
from dbproc.cli.mission_name import before_option
from dbproc.cli.numbers import NUMBER
from dbproc.cli.terminal import bad
from dbproc.core.text import number_words
from dbproc.explain.trail import AuditEntry, Verified, audit_entries, verify


@click.group("audit", cls=Group)
@before_option
def audit_command() -> None:
    """Look at the audit trail: who did what by way of the service, and to its tokens."""


@audit_command.command("list")
@click.option("--who", default="", metavar="NAME", help="Only what this person did.")
@click.option("--action", default="", help="Only this: token, all about tokens; token revoke …")
@click.option("--object", "what", default="", metavar="NAME", help="Only what was done to this.")
@click.option("--before", type=NUMBER, metavar="NUMBER", help="Only what came before this entry.")
@click.option("--limit", default=100, show_default=True, type=NUMBER, help="At most so many, the newest first.")
@asking_options
def list_command(who: str, action: str, what: str, before: int | None, limit: int, mission: str, as_json: bool) -> None:
    """List who did what, from where and with which token, and what came of it."""
    with open_mission(mission, read_only=True) as store:
        found = audit_entries(store, most=limit, before=before, who=who, action=action, object=what)
    show(found, as_json, _print_list)


def _print_list(found: Sequence[AuditEntry]) -> None:
    if not found:
        click.echo("nothing was done by way of the service, nor to its tokens")
        return
    print_columns(("entry", "time", "who", "action", "object", "result"), map(_row, found))


def _row(entry: AuditEntry) -> tuple[object, ...]:
    return (entry.number, entry.time, entry.who, entry.action, entry.object or None, entry.result)


@audit_command.command("verify")
@click.option("--head", default="", metavar="HEAD", help="What an earlier look printed: it must still be there.")
@asking_options
def verify_command(head: str, mission: str, as_json: bool) -> int:
    """Verify that nothing in the audit trail was changed or taken out.

    Keep the head that it prints somewhere else: whoever can write to the database could cut off the newest entries, and
    that shows only against a head.
    """
    with open_mission(mission, read_only=True) as store:
        found = verify(store, head)
    show(found, as_json, _print_verified)
    return 1 if found.flaws else 0


def _print_verified(found: Verified) -> None:
    for flaw in found.flaws:
        echo_folded(bad(f"entry {flaw.number}: {cell(flaw.reason)}"))
    sound = "nothing was changed or taken out" if not found.flaws else number_words(len(found.flaws), "flaw")
    click.echo(f"{number_words(found.entries, 'entry', 'entries')}: {sound}")
    if found.head:
        click.echo(f"head: {found.head}")
