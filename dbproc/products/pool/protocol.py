"""What the worker and the process that asks it say to each other: one line of JSON each way for one question.

The first line to the worker is the mission (:func:`mission_line`); the worker answers :data:`READY`. Then each question
is ``[key, "inspect", product_id, path]`` or ``[key, "kind", path of an inspector]``, and its answer is
``[key, Reply, content, whether the worker wants to be replaced]``. The keys are random numbers.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dbproc.core.errors import VersionError
from dbproc.core.filenames import read_version
from dbproc.core.redaction import masked
from dbproc.core.text import one_line
from dbproc.core.version import Version
from dbproc.products.base import Nonsense
from dbproc.products.facts import CheckedFacts, checked, extra_of, text, version_of

if TYPE_CHECKING:
    from dbproc.core.model import Definition, Extra, Product

READY = b"ready"
_OF_MISSION = ("mission_id", "name", "root", "incoming", "quarantine", "code_directory", "inspector_directory")
_LONGEST_REASON = 1_000
_LONGEST_KEYWORDS = 2_000  # bytes; PostgreSQL keeps no more than 2704 in an index


class Reply(StrEnum):
    """What kind of answer it is."""

    FACTS = "facts"  #: confirmed; the content are the facts
    REASON = "reason"  #: not confirmed; the content says why
    FAILED = "failed"  #: the inspector failed; the content says how
    MEMORY = "memory"  #: there was not enough memory
    KIND = "kind"  #: in whose way the inspector is written
    UNLOADABLE = "unloadable"  #: the file that should hold the inspector cannot be loaded; the content says why


def line(content: object) -> bytes:
    """One message."""
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def mission_line(definition: Definition) -> bytes:
    """The first message to a worker."""
    mission = {name: getattr(definition.mission, name) for name in _OF_MISSION}
    return line({"mission": mission, "products": [_product_row(each) for each in definition.products.values()]})


def setup_line() -> bytes:
    """The first message to a worker that is asked about no file."""
    return line({"mission": dict.fromkeys(_OF_MISSION), "products": []})


def facts_content(facts: CheckedFacts) -> dict[str, Any]:
    """Facts, ready for JSON."""
    return {
        "date": facts.date.isoformat(),
        "start": facts.start.isoformat(),
        "stop": facts.stop.isoformat(),
        "version": str(facts.version),
        "keywords": facts.keywords,
        "extra": {key: _in_json(value) for key, value in facts.extra.items()},
    }


def facts_of(content: object) -> CheckedFacts:
    """The reverse of :func:`facts_content`, trusting nothing: the process that sent it runs foreign code."""
    if not isinstance(content, Mapping):
        raise Nonsense("the worker returned invalid facts")
    version = version_of(content.get("version"))
    if version is None:
        raise Nonsense("the worker returned invalid facts")
    _require_storable(version, text("keywords", content.get("keywords")))
    return checked(
        CheckedFacts(
            _day(content.get("date")),
            _time(content.get("start")),
            _time(content.get("stop")),
            version,
            text("keywords", content.get("keywords")),
            extra_of(content.get("extra")),
        )
    )


def _in_json(value: Extra) -> str | float | bool:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def reason_line(words: str) -> str:
    """Foreign words on one line: no line breaks, no control characters, no passwords, no more than fit."""
    words = masked(words)
    if len(words) > _LONGEST_REASON:
        words = words[:_LONGEST_REASON] + " …"
    return one_line(" ".join(words.split()))


def _require_storable(version: Version, keywords: str) -> None:
    """Raise Nonsense for what an index of the database, or the database itself, does not take."""
    if len(keywords.encode()) > _LONGEST_KEYWORDS:
        raise Nonsense(f"its keywords take more than {_LONGEST_KEYWORDS} bytes")
    try:
        read_version(str(version))
    except VersionError as error:
        raise Nonsense(f"its version is nonsense: {error}") from error


def _product_row(product: Product) -> dict[str, Any]:
    return {
        "product_id": product.product_id,
        "name": product.name,
        "level": product.level,
        "directory": product.directory,
        "format": product.format,
        "description": product.description,
        "instrument_id": product.instrument_id,
        "instrument": product.instrument,
        "satellite_id": product.satellite_id,
        "satellite": product.satellite,
        "inspector_id": product.inspector.inspector_id,
        "inspector": product.inspector.name,
        "arguments": dict(product.inspector.arguments),
        "covers": None if product.covers is None else product.covers.total_seconds(),
    }


def _day(value: object) -> dt.date:
    try:
        return dt.date.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise Nonsense("the worker returned an invalid date") from error


def _time(value: object) -> dt.datetime:
    try:
        time = dt.datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise Nonsense("the worker returned an invalid time") from error
    if time.tzinfo is None:
        raise Nonsense("its worker answered with a time without time zone")
    return time.astimezone(dt.UTC)
