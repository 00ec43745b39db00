"""The command line: arguments in, one call, text or JSON out."""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence

import click

from dbproc import __version__
from dbproc.errors import EXIT_SOME_FAILED, EXIT_USAGE, DbprocError, DefinitionError
from dbproc.report import one_line
from dbproc.secrecy import masked

COMMANDS = {
    "init": "database",
    "apply": "definition",
    "run": "runs",
    "ingest": "runs",
    "process": "runs",
    "plan": "runs",
    "run-process": "byhand",
    "whatif": "whatif",
    "status": "asking",
    "queue": "asking",
    "why": "asking",
    "lineage": "asking",
    "stats": "stats",
    "inspect": "asking",
    "code": "codes",
    "check": "checking",
    "quarantine": "quarantine",
    "canary": "canaries",
    "idx": "idx",
    "retry": "runs",
    "reprocess": "campaigns",
    "campaign": "campaigns",
    "export": "definition",
    "unlock": "database",
    "upgrade": "database",
}
"""Each command and the module of this package that it is in, in the order of the help."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of :data:`COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module that has the command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"dbproc.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="dbproc")
def dbproc() -> None:
    """A process controller for science missions: files in, every derived product out, provenance in a database.

    The mission's database is named by -m/--mission, else by DBPROC_MISSION: a path is SQLite, postgresql://… a
    URL, a bare name a PostgreSQL database reached with PGHOST, PGPORT, PGUSER and PGPASSWORD.

    Exit status: 0 all done, 1 some job or file failed, 2 wrong usage or mission file, 75 another run is live,
    78 a person must act first.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``dbproc``; gives the exit status."""
    return guarded(dbproc, arguments, "dbproc")


def guarded(command: click.Command, arguments: Sequence[str] | None, name: str) -> int:
    """Run a command; what a person can mend is one message on stderr, without a traceback."""
    try:
        result = command.main(None if arguments is None else list(arguments), prog_name=name, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        words = io.StringIO()
        error.show(words)
        _complain(masked(words.getvalue().rstrip()))
        return EXIT_USAGE
    except click.Abort:
        return 130
    except DbprocError as error:
        _complain(f"{name}: {_shown(error)}")
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception:
        _complain(masked(traceback.format_exc().rstrip()))
        return EXIT_SOME_FAILED


def _shown(error: DbprocError) -> str:
    """The message, without passwords; only one about a mission file has several lines."""
    lines = str(error).split("\n") if isinstance(error, DefinitionError) else [str(error)]
    return masked("\n".join(map(one_line, lines)))


def _complain(message: str) -> None:
    sys.stdout.flush()
    print(message, file=sys.stderr)
