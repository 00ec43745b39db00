"""The command line: arguments in, one call, text or JSON out."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from dbproc import __version__
from dbproc.cli import output, terminal
from dbproc.cli.groups import Group, write_commands
from dbproc.cli.mission_name import before_option
from dbproc.core.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_SOME_FAILED, EXIT_USAGE, DbprocError, DefinitionError
from dbproc.core.redaction import masked
from dbproc.core.text import one_line
from dbproc.system.signals import Interrupted

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Set up": {
        "init": ("init", "Create an empty mission database."),
        "apply": ("apply", "Bring a mission file into the database."),
        "import": ("moving_in", "Take over a mission of another system."),
        "export": ("export", "Write the definition as a mission file."),
        "upgrade": ("upgrade", "Bring an older database to this schema."),
        "completion": ("completion", "Have the shell complete commands, options and names."),
    },
    "Run": {
        "run": ("run", "Ingest what arrived, build everything that is stale, and exit."),
        "ingest": ("run", "Ingest what arrived, and build nothing."),
        "process": ("run", "Build everything that is stale, without looking into incoming."),
        "fetch": ("fetch", "Fetch what is new at the sources into incoming."),
        "run-process": ("run_process", "Run one process over a range of dates, by hand."),
        "serve": ("serve", "Serve the mission's page and its API."),
        "token": ("token", "Make tokens for the service, list them, revoke them."),
        "unlock": ("unlock", "Clear the lock of a dead run."),
    },
    "Ask": {
        "status": ("status", "Say how the mission stands."),
        "plan": ("plan", "Say what the next run would do and why."),
        "whatif": ("whatif", "Say exactly what would be made if something changed."),
        "files": ("files", "List files of the catalogue, by product, time and how they stand."),
        "whereis": ("whereis", "Say where the copies of files are, and how they are."),
        "coverage": ("coverage", "Show a calendar of what there is, what is missing and why."),
        "why": ("why", "Explain a file, or why there is none."),
        "lineage": ("lineage", "Show what a file came from, and what came from it."),
        "log": ("log", "Say what runs and people did."),
        "audit": ("audit", "Say who did what by way of the service; verify that nothing was taken out."),
        "queue": ("queue", "List the files still to be looked at as inputs of new work."),
        "stats": ("stats", "Show what jobs took and made, by process and code version."),
        "show": ("show", "Show the mission, its products and its processes, with their numbers."),
        "graph": ("graph", "Draw the products and processes."),
        "report": ("report", "Write the whole mission as one page, for a review."),
        "compare": ("compare", "Compare two databases: definitions, files, digests, lineage."),
        "inspect": ("inspect", "Ask every product about a file, and print each verdict."),
    },
    "Change": {
        "code": ("code", "Release codes, roll them back, look at their versions."),
        "canary": ("canary", "Try a code out before it is released."),
        "reprocess": ("reprocess", "Have things made again."),
        "links": ("links", "Keep a tree of symbolic links to the newest files."),
        "release": ("release", "Release data under a name that stays, with a manifest; compare releases."),
        "stores": ("stores", "Look at stores, check and heal them, take in what lies there."),
        "campaign": ("campaign", "Look at campaigns, which reprocess bit by bit; pause, resume, cancel."),
    },
    "Mend": {
        "check": ("check", "Hold database and disk against each other; repair."),
        "adopt": ("adopt", "Take in, where they are, files that the catalogue does not know."),
        "quarantine": ("quarantine", "Look at files that were refused, and take them out of quarantine."),
        "retry": ("retry", "Have the next run try again what failed or was given up."),
        "dismiss": ("dismiss", "Say of failures that nobody will mend them."),
        "offload": ("offload", "Free local disk of files that stores keep."),
        "recall": ("recall", "Bring files back from stores."),
        "withdraw": ("withdraw", "Take files back, with what cannot be made without them."),
        "restore": ("restore", "Undo what was last done to files."),
        "replace": ("replace", "Give a file other bytes under its name."),
        "reinspect": ("reinspect", "Ask the inspectors anew about files, and record what they say now."),
        "mark": ("mark", "Say how good files are, and what is to be known of them."),
        "reap": ("reap", "Move superseded versions to the trash, as products say."),
    },
    "Data": {
        "transfers": ("transfers", "Look at files on their way; retry them, cancel them."),
        "stage": ("stage", "Put files into a user's area, for a while."),
        "stages": ("stage", "Look at what was staged, what users have in their areas; end it."),
        "idx": ("idx", "Make IDX datasets, verify them, look at them, compare them."),
    },
}
"""Each command, the module of this package that it is in, and its line in the help: in the sections and the order of
the help."""

COMMANDS = {name: each for section in SECTIONS.values() for name, each in section.items()}


class LazyGroup(Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of :data:`SECTIONS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module that has the command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"dbproc.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, without importing them."""
        named = COMMANDS.items()
        found = [CompletionItem(name, help=words) for name, (_, words) in named if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        for title, commands in SECTIONS.items():
            write_commands(formatter, title, ((name, words) for name, (_, words) in commands.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@before_option
@click.version_option(__version__, prog_name="dbproc")
def dbproc() -> None:
    """A process controller for science missions: files in, every derived product out, provenance in a database.

    The mission's database is named by -m, before or after the command, else by DBPROC_MISSION: a path is SQLite,
    postgresql://… a URL, a bare name a PostgreSQL database reached with PGHOST, PGPORT, PGUSER and PGPASSWORD. Where
    none is named, it is that of the current directory: mission.sqlite there or above, or the one whose root it is in.

    Exit status: 0 all done, 1 some job or file failed, 2 wrong usage or mission file, 75 another run is live,
    78 a person must act first.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``dbproc``; return the exit status."""
    return guarded(dbproc, arguments, "dbproc")


def guarded(command: click.Command, arguments: Sequence[str] | None, name: str) -> int:
    """Run a command; an error that a person can mend is one message on stderr, without a traceback."""
    output.begin()
    status = _run(command, arguments, name)
    return _final_status(status, name)


def _run(command: click.Command, arguments: Sequence[str] | None, name: str) -> int:
    """Run a command; report a failure, and return the exit status."""
    try:
        given = None if arguments is None else list(arguments)
        result = command.main(given, prog_name=name, standalone_mode=False, color=terminal.color_setting())
        return result if isinstance(result, int) else EXIT_DONE
    except click.ClickException as error:
        _complain(_usage_words(error))
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except Interrupted as signal:
        _complain(f"{name}: ended by {signal}")
        return EXIT_INTERRUPTED
    except Exception as error:
        mendable = _mendable(error)
        if mendable is None:
            _complain(masked(traceback.format_exc().rstrip()))
            return EXIT_SOME_FAILED
        words, status = mendable
        _complain(f"{name}: {words}")
        return status


def _mendable(error: Exception) -> tuple[str, int] | None:
    """The message for an error that a person can mend, and the exit status; None for a defect of dbproc."""
    if isinstance(error, DbprocError):
        return _message(error), error.exit_status
    if isinstance(error, UnicodeEncodeError) and error.reason == _NOT_UTF8:
        return f"this is not UTF-8 and cannot be used here: {masked(one_line(error.object[:200]))}", EXIT_USAGE
    if isinstance(error, OSError):
        return masked(one_line(_system_words(error))), EXIT_SOME_FAILED
    return None


def _final_status(status: int, name: str) -> int:
    """The exit status, with failures of output considered: finished work counts as success, an answer that nobody got
    does not."""
    failure = output.failure()
    if failure is None:
        return status
    is_reader_gone = failure.errno == errno.EPIPE
    if not is_reader_gone:
        _complain(f"{name}: cannot write to standard output: {failure.strerror}{_CONSOLATION * output.are_of_work()}")
    if output.are_of_work():
        return status
    return status or (_SIGPIPE if is_reader_gone else EXIT_SOME_FAILED)


_NOT_UTF8 = "surrogates not allowed"
"""What Python says of a text that came from bytes that are not UTF-8."""

_SIGPIPE = 141
"""The exit status of what SIGPIPE ends, as shells give it."""

_CONSOLATION = "; the exit status tells how the work went, and the daily log of a run has every line"


def _usage_words(error: click.ClickException) -> str:
    words = io.StringIO()
    error.show(words)
    return masked("\n".join(map(one_line, words.getvalue().rstrip().split("\n"))))


def _system_words(error: OSError) -> str:
    """The error of the operating system, and its place."""
    try:
        os.getcwd()
    except OSError:
        return "the current directory does not exist any more, or cannot be read; cd to another one"
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return f"{place}{error.strerror or error}; see to it, then run it again"


def _message(error: DbprocError) -> str:
    """The message without passwords; only those about mission files have several lines."""
    lines = str(error).split("\n") if isinstance(error, DefinitionError) else [str(error)]
    return masked("\n".join(map(one_line, lines)))


def _complain(message: str) -> None:
    sys.stdout.flush()
    print(message, file=sys.stderr)
