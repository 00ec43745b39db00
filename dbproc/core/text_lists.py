"""Lists of words as texts of the database: the arguments of codes, the extra parameters of processes.

dbprocessing's texts are read as there. What they cannot say, such as a word with a blank in it, is a JSON list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from dbproc.core.keys import Codec


def arguments_text(arguments: Sequence[str]) -> str | None:
    """The arguments of a code as they stand in the database: words with blanks between, a JSON list where need be."""
    return _joined(arguments, " ", arguments_of)


def arguments_of(text: str | None) -> tuple[str, ...]:
    """The reverse of :func:`arguments_text`; dbprocessing's texts are split at blanks."""
    listed = _json_list(text)
    return tuple((text or "").split()) if listed is None else listed


def parameters_text(parameters: Sequence[str]) -> str | None:
    """The extra parameters of a process as they stand in the database: ``a|b|c``, a JSON list where need be."""
    return _joined(parameters, "|", parameters_of)


def parameters_of(text: str | None) -> tuple[str, ...]:
    """The reverse of :func:`parameters_text`; dbprocessing's texts are split at ``|``."""
    listed = _json_list(text)
    if listed is not None:
        return listed
    return tuple(text.split("|")) if text else ()


def patterns_text(patterns: Sequence[str]) -> str | None:
    """The patterns of what a code uses as they stand in the database: a JSON list, null where there are none."""
    return json.dumps(patterns) if patterns else None


def patterns_of(text: str | None) -> tuple[str, ...]:
    """The reverse of :func:`patterns_text`."""
    return tuple(json.loads(text)) if text else ()


def _word_or_list(words: Sequence[str]) -> str:
    """One word as it is, several as a JSON list."""
    return words[0] if len(words) == 1 else json.dumps(words)


def _words_of(text: str) -> tuple[str, ...]:
    listed = _json_list(text)
    return (text,) if listed is None else listed


ARGUMENTS = Codec(arguments_text, arguments_of)
PARAMETERS = Codec(parameters_text, parameters_of)
PATTERNS = Codec(patterns_text, patterns_of)
WORD_OR_LIST = Codec(_word_or_list, _words_of)
NULL_IF_EMPTY = Codec(lambda text: text or None)


def _joined(items: Sequence[str], separator: str, reader: Callable[[str], tuple[str, ...]]) -> str | None:
    """The items with `separator` between, unless `reader` would read something else from that."""
    text = separator.join(items)
    if reader(text) != tuple(items):
        return json.dumps(list(items), ensure_ascii=False)
    return text or None


def _json_list(text: str | None) -> tuple[str, ...] | None:
    """The items of a JSON list of texts; None for anything else."""
    if text is None or not text.startswith("["):
        return None
    try:
        items = json.loads(text)
    except ValueError:
        return None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return None
    return tuple(items)
