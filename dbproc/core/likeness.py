"""What may be meant by a name that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST = 3
_LISTED = 20


def likely(name: str, known: Iterable[str]) -> list[str]:
    """Names that may be meant: those that begin so, else those that are spelt alike."""
    names = sorted(set(known))
    begun = [each for each in names if name and each.casefold().startswith(name.casefold())]
    return begun[:_MOST] or difflib.get_close_matches(name, names, n=_MOST)


def did_you_mean(names: Iterable[str]) -> str:
    """Ask for these: ``did you mean clean or calm?``."""
    *others, last = names
    return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


def no_such(kind: str, name: str, known: Iterable[str]) -> str:
    """That there is nothing of this kind and name, with what may be meant, else with all that there is."""
    names = sorted(known)
    near = likely(name, names)
    if near:
        return f"no {kind} {name}; {did_you_mean(near)}"
    shown = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    return f"no {kind} {name}; the mission has: {shown or 'none'}"
