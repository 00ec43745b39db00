"""Whether inspectors of Python files can be loaded; where one cannot, it is the mission's fault, not a file's."""

from __future__ import annotations

from collections.abc import Iterable

from dbproc.products.pool.child import Limits
from dbproc.products.pool.protocol import Reply, reason_line, setup_line
from dbproc.products.pool.supervisor import Supervisor


def load_faults(supervisor: Supervisor, files: Iterable[str]) -> dict[str, str]:
    """By file: why the inspector in it cannot be loaded, as the workers say; nothing for those that can."""
    asked = sorted(set(files))
    answers = supervisor.ask([("kind", name) for name in asked])
    return {
        name: reason_line(str(answer.content))
        for name, answer in zip(asked, answers, strict=True)
        if answer.reply is not Reply.KIND
    }


def unloadable(files: Iterable[str], limits: Limits) -> dict[str, str]:
    """The same, asked of a worker of its own, for files that no database knows yet."""
    supervisor = Supervisor(setup_line(), limits, size=1)
    try:
        return load_faults(supervisor, files)
    finally:
        supervisor.close()
