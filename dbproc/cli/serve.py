"""``dbproc serve``: the mission's page and its API."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from dbproc.cli.common import mission_option, open_mission, open_own_mission, slots_option, warn
from dbproc.core.errors import UserError
from dbproc.database.definition.load import load_mission
from dbproc.storage import permissions


def _below(_: click.Context, __: click.Parameter, path: str) -> str:
    """The path as it stands before others: with a slash at its begin alone."""
    inner = path.strip("/")
    return f"/{inner}" if inner else ""


@click.command("serve")
@mission_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="The port; 0: a free one.")
@click.option(
    "--socket", "path", type=click.Path(path_type=Path), help="Listen at this path instead, for a proxy in front."
)
@click.option(
    "--root-path", default="", callback=_below, metavar="PATH", help="The path below which a proxy shows it: /dbproc."
)
@click.option("--proxy", "proxies", multiple=True, metavar="ADDRESS", help="A proxy in front that says who asks.")
@click.option("--open", "is_open", is_flag=True, help="Nobody has to be known; on the loopback alone.")
@click.option("--no-run", is_flag=True, help="Start no runs: cron does it.")
@slots_option()
def serve_command(
    *,
    mission: str,
    host: str,
    port: int,
    path: Path | None,
    root_path: str,
    proxies: Sequence[str],
    is_open: bool,
    no_run: bool,
    slots: int,
) -> None:
    """Serve the mission's page and its API until Ctrl-C, and start a run whenever something waits for one."""
    try:
        from dbproc.service import serving
        from dbproc.service.context import Context, nothing
        from dbproc.service.runner import Runner
    except ImportError as error:
        raise UserError(f"dbproc serve needs the package {error.name}: pip install 'dbproc[web]'") from error
    if is_open and path is None and not _is_loopback(host):
        raise UserError(f"--open lets everybody do everything, and {host} is reached by others; listen on 127.0.0.1")
    if path is None and not _is_loopback(host):
        warn("what is sent to a port can be read on its way, tokens too; have a proxy with TLS in front, and --socket")
    with ExitStack() as stack:
        writing = stack.enter_context(open_own_mission(mission))
        reading = stack.enter_context(open_mission(mission, read_only=True))
        with reading.begin() as connection:
            stack.enter_context(permissions.in_force(load_mission(connection)))
        server = stack.enter_context(serving.listening(host, port, path))
        wake = nothing if no_run else stack.enter_context(Runner(reading, mission, _say, ("-n", str(slots)))).wake
        context = Context(reading=reading, writing=writing, is_open=is_open, root_path=root_path, wake=wake)
        where = path or "http://{}:{}/".format(*server.getsockname()[:2])
        serving.serve(context, server, lambda: click.echo(f"serving {writing.name} at {where}"), proxies)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
