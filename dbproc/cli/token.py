"""``dbproc token create | list | revoke``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import click

from dbproc.changes import tokens
from dbproc.changes.tokens import TokenMade
from dbproc.cli.common import asking_options, cell, open_mission, print_columns, show
from dbproc.cli.dates import EXPIRY, Expiry
from dbproc.cli.groups import Group
from dbproc.cli.mission_name import before_option
from dbproc.core.access import Principal, Scope
from dbproc.core.staging import NEVER
from dbproc.database.tokens import TokenRow, listed
from dbproc.system.machine import user_name


@click.group("token", cls=Group)
@before_option
def token_command() -> None:
    """Make tokens for the service, list them, revoke them."""


@token_command.command("create")
@click.argument("name")
@click.option("--owner", metavar="PERSON", help="Whose what is sent with it is.  [default: you]")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What may be done with it; may be given several times.  [default: read]",
)
@click.option(
    "--expires", type=EXPIRY, default="90 days", show_default=True, metavar="WHEN", help="'90 days', a date, never."
)
@asking_options
def create_command(
    name: str, owner: str | None, scopes: Sequence[str], expires: Expiry, mission: str, as_json: bool
) -> None:
    """Make a token; NAME says what it is for. It is printed this once, and kept nowhere.

    For example: dbproc token create "ada's laptop" --owner ada --scope read --scope upload
    """
    until = dt.datetime.now(dt.UTC) + expires if isinstance(expires, dt.timedelta) else expires
    with open_mission(mission) as store:
        made = tokens.create(
            store,
            Principal(user_name()),
            name=name,
            owner=user_name() if owner is None else owner,
            scopes=[Scope(scope) for scope in scopes] or [Scope.READ],
            expires=until if isinstance(until, dt.datetime) else None,
        )
    show(made, as_json, _print_made)


def _print_made(made: TokenMade) -> None:
    click.echo(made.token)
    row = made.row
    until = "" if row.expires_time is None else f" until {cell(row.expires_time)}"
    told = f"{row.owner} may {', '.join(row.scopes)} with it{until}; it is not shown again: keep it, and tell nobody"
    click.echo(cell(told), err=True)


@token_command.command("list")
@click.option("--owner", metavar="PERSON", help="Only those of this person.")
@click.option("--all", "everything", is_flag=True, help="Also those that hold no longer, and sessions of the page.")
@asking_options
def list_command(owner: str | None, everything: bool, mission: str, as_json: bool) -> None:
    """List the tokens: whose they are, what may be done with them, until when they hold."""
    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        found = listed(connection, owner=owner, everything=everything)
    show(found, as_json, _print_list)


def _print_list(found: Sequence[TokenRow]) -> None:
    if not found:
        click.echo("no token holds; make one: dbproc token create NAME")
        return
    print_columns(("token", "name", "owner", "scopes", "used", "until"), map(_row, found))


def _row(row: TokenRow) -> tuple[object, ...]:
    return (row.word, row.name, row.owner, ", ".join(row.scopes), row.used_time, _until(row))


def _until(row: TokenRow) -> object:
    return f"revoked {cell(row.revoked_time)}" if row.revoked_time else row.expires_time or NEVER


@token_command.command("revoke")
@click.argument("token")
@asking_options
def revoke_command(token: str, mission: str, as_json: bool) -> None:
    """Have TOKEN hold no longer, at once; sessions of the page that were begun with it end.

    TOKEN is its word, as `dbproc token list` shows it.
    """
    with open_mission(mission) as store:
        row = tokens.revoke(store, Principal(user_name()), token)
    show(row, as_json, lambda each: click.echo(cell(f"the token {each.word} of {each.owner} holds no longer")))
