"""Running an inspector that was written for dbprocessing."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from dbproc.core.filenames import keywords_of, keywords_text
from dbproc.products.base import NotMine
from dbproc.products.dbprocessing.database import Database
from dbproc.products.facts import EXTRA, FIRST_VERSION, CheckedFacts, checked, day, extra_of, moment, text, version_of


class _LastWords(logging.Handler):
    """Keeps the last messages of an inspector: they often say why it refuses a file."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=1)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember the record."""
        self.records.append(record)

    def text(self) -> str:
        """The last message."""
        with suppress(Exception):  # arguments that do not fit their message
            return self.records[-1].getMessage() if self.records else ""
        return ""


_last_words = _LastWords()


def inspect(
    inspector: Any, path: str, database: Database, product_id: int, arguments: Mapping[str, str]
) -> CheckedFacts:
    """Ask a dbprocessing inspector about a file; NotMine when it does not confirm it, Nonsense when that cannot be."""
    listener = logging.getLogger("DBLogger")
    if _last_words not in listener.handlers:
        listener.addHandler(_last_words)
    _last_words.records.clear()
    diskfile = inspector(path, database, product_id, **arguments)()
    if diskfile is None:
        raise NotMine(_last_words.text() or "its inspector says no")
    return settle(diskfile.params)


def settle(params: Mapping[str, Any]) -> CheckedFacts:
    """The parameters that a dbprocessing inspector filled in, as checked facts; its keywords are all there are."""
    start = moment("utc_start_time", params["utc_start_time"])
    stop = moment("utc_stop_time", params["utc_stop_time"])
    date = day("utc_file_date", params["utc_file_date"]) or start.date()
    version = version_of(params["version"]) or FIRST_VERSION
    keywords = text("process_keywords", params.get("process_keywords") or "").strip()
    if all("=" in word for word in keywords.split()):
        keywords = keywords_text(keywords_of(keywords))
    given = {key: params[key] for key in sorted(EXTRA) if params.get(key) is not None}
    extra = {key: str(value) if EXTRA[key] is text else value for key, value in given.items()}
    return checked(CheckedFacts(date, start, stop, version, keywords, extra_of(extra)))
