"""Giving a hook what it is to tell: as a child process within its time, in a group of its own.

The child takes the place of a command, or calls a webhook: ``python -m dbproc.engines.hook …``. It lives no longer than
the run that started it. A webhook's URL is resolved in the child, and stands in no command line and in no message.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from dbproc.core.hooks import Hook, Notice, message_json, message_text, webhook_fault
from dbproc.core.redaction import masked
from dbproc.core.text import one_line
from dbproc.engines import confined
from dbproc.system.processes import kill_group

_KILL_SECONDS = 1.0
_TOLD, _NOT_TOLD, _IN_DOUBT = 0, 1, 3


class Fate(Enum):
    """What came of a try."""

    TOLD = "told"
    NOT_TOLD = "not told"  #: by its own word: it can be tried again
    IN_DOUBT = "in doubt"  #: nobody knows: trying again might tell twice


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a try, and why it was not told for sure."""

    fate: Fate
    problem: str | None = None


def give(hook: Hook, mission: str, root: str, notices: Sequence[Notice]) -> Tried:
    """Start a hook, give it what happened, and wait for its end as long as it may take.

    Parameters
    ----------
    hook
        What tells people.
    mission, root
        The name of the mission, and the directory that a command runs in.
    notices
        What happened.
    """
    text = message_text(mission, notices) if hook.command else message_json(mission, notices)
    words = ["command", *hook.command] if hook.command else ["webhook", hook.webhook]
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(text.encode(errors="replace"))
        given.seek(0)
        try:
            child = subprocess.Popen(
                confined.command("dbproc.engines.hook", words, 0),
                cwd=root,
                stdin=given,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=confined.environment(),
            )
        except (OSError, ValueError) as error:
            return Tried(Fate.NOT_TOLD, f"it cannot be started: {error}")
        status = _wait(child, hook.seconds)
        said.seek(0)
        return _judged(hook, status, _last_line(said.read(20_000)))


def _wait(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    """The exit status, None when it took too long; nothing of its group is left."""
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        kill_group(child.pid)
        with suppress(subprocess.TimeoutExpired):  # it waits for a disk
            child.wait(_KILL_SECONDS)


def _judged(hook: Hook, status: int | None, last_line: str) -> Tried:
    if status == _TOLD:
        return Tried(Fate.TOLD)
    if status is None:
        return Tried(Fate.IN_DOUBT, f"it took longer than {hook.seconds:g} s and was ended; it is not told again")
    if status < 0:
        name = signal.Signals(-status).name
        return Tried(Fate.IN_DOUBT, f"it was killed by {name}; it is not told again")
    if hook.webhook:
        return Tried(Fate.IN_DOUBT if status == _IN_DOUBT else Fate.NOT_TOLD, last_line or f"exit status {status}")
    return Tried(Fate.NOT_TOLD, f"exit status {status}" + (f": {last_line}" if last_line else ""))


def _last_line(said: bytes) -> str:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines()]
    return masked(one_line(next((line for line in reversed(lines) if line), "")[:200]))


# --- in the child ---


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What was sent to one place is not sent to another."""

    def redirect_request(self, *_: Any) -> None:
        """None: the answer is an error."""


def _url(reference: str) -> str:
    """The URL that a mission file names.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        There is no such variable, or what is there is no URL; the message does not show it.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        if not os.environ.get(name):
            raise ValueError(f"the variable {name} of the environment is not set; set it where runs are started")
        return os.environ[name].strip()
    if kind == "file":
        with open(os.path.expanduser(name), encoding="utf-8") as stream:
            return stream.read().strip()
    return reference


def call(reference: str, body: bytes) -> int:
    """Post a message to a webhook; the exit status of the child."""
    try:
        url = _url(reference)
        if webhook_fault(url.partition("?")[0].partition("#")[0]) or url.startswith(("env:", "file:")):
            raise ValueError(f"{reference} holds no URL that begins with http:// or https://")
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", "User-Agent": "dbproc"})
        with urllib.request.build_opener(_NoRedirect).open(request):
            return _TOLD
    except urllib.error.HTTPError as error:
        print(f"it answered {error.code} {error.reason}")
    except urllib.error.URLError as error:
        print(f"it cannot be reached: {getattr(error.reason, 'strerror', None) or error.reason}")
    except (http.client.InvalidURL, UnicodeError):
        print(f"{reference} holds no URL")
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):
            print(f"the connection broke before it answered ({type(error).__name__}); it is not told again")
            return _IN_DOUBT
        print(f"{reference} cannot be read: {error.strerror}")
    except http.client.HTTPException as error:
        print(f"its answer is not HTTP ({type(error).__name__}); it is not told again")
        return _IN_DOUBT
    except ValueError as error:
        print(error)
    return _NOT_TOLD


def _become(words: Sequence[str]) -> None:
    """Become a command, with the path for Python modules that the run was given."""
    path = os.environ["PYTHONPATH"].split(os.pathsep)[1:]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        os.execvpe(words[0], list(words), environment | ({"PYTHONPATH": os.pathsep.join(path)} if path else {}))
    except (OSError, ValueError) as error:
        print(f"{words[0]} cannot be started: {getattr(error, 'strerror', None) or error}")
        raise SystemExit(_NOT_TOLD) from None


def main(kind: str, *words: str) -> int:
    """Become the command, or call the webhook."""
    if kind == "command":
        _become(words)
    return call(words[0], sys.stdin.buffer.read())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
