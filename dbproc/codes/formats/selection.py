"""What of a file is to be converted, where it holds several things: every refusal lists the choices."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dbproc.codes.idx.refusal import Refusal

T = TypeVar("T")


@dataclass(frozen=True)
class Selection:
    """How one of several things in a file is chosen.

    Parameters
    ----------
    where
        The file.
    option
        The option that names one.
    told
        Gives in words what can be converted, and what there is that cannot; called only when something is refused.
    none
        What to do where nothing can be converted.
    """

    where: object
    option: str
    told: Callable[[], tuple[Sequence[str], Sequence[str]]]
    none: str = "There is none that can be converted"

    @property
    def choices(self) -> str:
        """What to do next: choose one."""
        fit, unfit = self.told()
        todo = f"Choose with {self.option}: {', '.join(fit)}" if fit else self.none
        return todo + (f". Not supported: {', '.join(unfit)}" if unfit else "")

    def refusal(self, what: str) -> Refusal:
        """A refusal that lists the choices."""
        return Refusal(self.where, what, self.choices)

    def only(self, meant: Sequence[T], several: str, nothing: str) -> T:
        """The one thing that can be meant; refuses ``several`` of them, and ``nothing``."""
        if len(meant) != 1:
            raise self.refusal(several if meant else nothing)
        return meant[0]


def require_alike(where: object, kinds: Sequence[tuple[str, Hashable]], difference: str) -> None:
    """Refuse what cannot be fields of one dataset.

    Parameters
    ----------
    where
        The file.
    kinds
        Each thing in words, and what of it must be equal.
    difference
        How it is said that they differ, their names at ``{}``.
    """
    if len({kind for _, kind in kinds}) > 1:
        raise Refusal(where, difference.format(" and ".join(told for told, _ in kinds)), "Convert them one at a time")


def few(choices: Sequence[str], most: int = 20) -> list[str]:
    """Choices as they can be read in one line: of many the first, and how many more there are."""
    more = len(choices) - most
    return list(choices) if more <= 0 else [*choices[: most - 1], f"{choices[most - 1]} and {more} more"]
