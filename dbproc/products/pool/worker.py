"""The child process in which files are opened and foreign inspectors run.

Started by :mod:`dbproc.products.pool.child` within limits (:mod:`dbproc.engines.confined`). Questions come by standard
input, and answers go to standard output. It imports only what starts quickly; an inspector imports its libraries when
it is first asked.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

from dbproc.core.filenames import compile_format
from dbproc.products.base import Nonsense, NotMine
from dbproc.products.dbprocessing import adapter
from dbproc.products.dbprocessing.database import Database
from dbproc.products.facts import CheckedFacts, settle
from dbproc.products.pool.loading import Kind, Loader, LoadError, described
from dbproc.products.pool.protocol import READY, Reply, facts_content, line
from dbproc.products.registry import BUILT_IN, built_in

_LONGEST_REASON = 2_000


class Worker:
    """Answers questions about files."""

    def __init__(self, mission: Mapping[str, Any], products: list[Mapping[str, Any]]) -> None:
        self._products: dict[int, Mapping[str, Any]] = {row["product_id"]: row for row in products}
        self._database = Database(mission, self._products)
        self._loader = Loader()

    def answer(self, question: list[Any]) -> tuple[Reply, object]:
        """Answer one question; everything that an inspector raises is caught here."""
        path = self._inspector_of(question)
        try:
            if question[1] == "kind":
                return Reply.KIND, self._loader.load(path).kind
            return Reply.FACTS, facts_content(self._inspected(question[2], question[3]))
        except NotMine as error:
            return Reply.REASON, str(error)[:_LONGEST_REASON]
        except LoadError as error:
            return Reply.UNLOADABLE, str(error)[:_LONGEST_REASON]
        except Nonsense as error:
            return Reply.FAILED, str(error)[:_LONGEST_REASON]
        except MemoryError:
            return Reply.MEMORY, ""
        except BaseException as error:
            return Reply.FAILED, f"it raised {described(error, path)}"[:_LONGEST_REASON]

    def _inspector_of(self, question: list[Any]) -> str:
        return str(question[2] if question[1] == "kind" else self._products[question[2]]["inspector"])

    def _inspected(self, product_id: int, path: str) -> CheckedFacts:
        product = self._products[product_id]
        if product["inspector"] in BUILT_IN or not product["inspector"].endswith(".py"):
            return self._own(built_in(product["inspector"]), product, path)
        loaded = self._loader.load(product["inspector"])
        if loaded.kind is Kind.LEGACY:
            return adapter.inspect(loaded.inspector, path, self._database, product_id, product["arguments"])
        return self._own(loaded.inspector, product, path)

    def _own(self, inspector: Any, product: Mapping[str, Any], path: str) -> CheckedFacts:
        covers = None if product["covers"] is None else dt.timedelta(seconds=product["covers"])
        name = compile_format(product["format"]).match(os.path.basename(path))
        if name is None:
            raise NotMine(f"its name is not of the format {product['format']}")
        name = name.lasting(covers)
        found = inspector().inspect(path, name, **product["arguments"])
        if found is None or isinstance(found, str):
            raise NotMine(found or "its inspector says no")
        return settle(found, name, covers)


class _Resources:
    """What inspectors have left in this process: the next file shall not suffer from it."""

    def __init__(self) -> None:
        self._bytes, self._files = (_limit(name) * 3 // 4 for name in ("RLIMIT_AS", "RLIMIT_NOFILE"))
        self._page = os.sysconf("SC_PAGE_SIZE")
        try:
            self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._statm = -1

    def is_heavy(self) -> bool:
        """Whether three quarters of the memory or of the file descriptors are in use."""
        try:
            return self._memory() > self._bytes or _next_file() > self._files
        except OSError:
            return True  # an inspector closed a file of ours, or used up all there are; start afresh

    def _memory(self) -> int:
        return 0 if self._statm < 0 else int(os.pread(self._statm, 100, 0).split()[0]) * self._page


def _next_file() -> int:
    """The lowest file descriptor that is free."""
    free = os.dup(0)
    os.close(free)
    return free


def _limit(name: str) -> int:
    try:
        import resource

        most = resource.getrlimit(getattr(resource, name))[0]
        return sys.maxsize if most == resource.RLIM_INFINITY else most
    except ImportError:
        return sys.maxsize


def main() -> None:
    """Serve until the questions end."""
    answers_fd = os.dup(1)
    with os.fdopen(os.dup(0), "rb") as questions:
        worker = Worker(**json.loads(questions.readline()))
        _be_silent()
        _write(answers_fd, READY + b"\n")
        _serve(questions, answers_fd, worker, _Resources())


def _serve(questions: BinaryIO, answers_fd: int, worker: Worker, resources: _Resources) -> None:
    for text in questions:
        question = json.loads(text)
        reply, content = worker.answer(question)
        _keep_printing_possible()
        _write(answers_fd, line([question[0], reply, content, resources.is_heavy()]))


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _be_silent() -> None:
    """What inspectors print goes nowhere; the supervisor reads errors of the start until here."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    if null > 2:
        os.close(null)


def _keep_printing_possible() -> None:
    """Open again what an inspector closed, so that the next one can print."""
    if sys.stdout is None or sys.stdout.closed:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None or sys.stderr.closed:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


if __name__ == "__main__":
    main()
