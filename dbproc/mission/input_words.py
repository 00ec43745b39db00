"""An input of a process in words."""

from __future__ import annotations

from dbproc.core.durations import duration_text
from dbproc.core.model import Validity
from dbproc.core.spec import InputSpec

_VALID_WORDS = {Validity.LATEST: "the latest", Validity.COVERS: "what covers the period"}


def input_words(given: InputSpec) -> str:
    """The product, with what else is said of it in parentheses."""
    words = [given.product]
    if given.yesterday or given.tomorrow:
        words.append(f"days before: {given.yesterday}, after: {given.tomorrow}")
    words += [f"{duration_text(given.before)} before"] if given.before else []
    words += [f"{duration_text(given.after)} after"] if given.after else []
    words += [_VALID_WORDS[given.valid]] if given.valid else []
    words += [f"at most {duration_text(given.max_age)} old"] if given.max_age else []
    words += [f"quality {' or '.join(given.quality)}"] if given.quality else []
    if given.optional:
        words.append("optional")
    if given.choice and given.choice != given.product:
        words.append(f"where there is no {given.choice}")
    elif given.choice:
        words.append("the best of its choice")
    return f"{words[0]} ({', '.join(words[1:])})" if len(words) > 1 else words[0]
