"""What of a file is to be converted, where it holds several things: every refusal lists the choices."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from dbproc.codes.idx.refusal import Refusal


@dataclass(frozen=True)
class Candidate:
    """One of the things in a file.

    Parameters
    ----------
    name
        What it is called, and chosen by.
    told
        The same with its shape, in words.
    alike
        What must be equal in things that become fields of one dataset.
    unfit
        Why it cannot be converted, said of it; empty when it can.
    kind
        What it is instead, in a word, where that is to be told among the choices.
    serves
        Whether it only serves others, and is meant only where it is named.
    is_second
        Whether it is meant only where there is none that is not.
    """

    name: str
    told: str
    alike: Hashable
    unfit: str = ""
    kind: str = ""
    serves: bool = False
    is_second: bool = False


@dataclass(frozen=True)
class Candidates:
    """The things in a file of which those are chosen that are named, or that alone can be meant.

    Parameters
    ----------
    where
        The file.
    option
        The option that names one; it may be given several times.
    noun
        What one is called.
    listed
        Gives all of them.
    named
        Gives the one of a name, None where there is none.
    none
        What to do where nothing can be converted.
    difference
        What those have that cannot be fields of one dataset.
    """

    where: object
    option: str
    noun: str
    listed: Callable[[], Sequence[Candidate]]
    named: Callable[[str], Candidate | None]
    none: str = "There is none that can be converted"
    difference: str = "different dimensions"

    def chosen(self, names: Sequence[str], together: bool = False) -> list[Candidate]:
        """The things of those names, all of them fit to be fields of one dataset.

        Of no name: the only one that holds data, or all that do, where ``together`` and they are alike.

        Raises
        ------
        Refusal
            With the choices there are.
        """
        found = [self._fit(name) for name in dict.fromkeys(names)] or self._meant(together)
        require_alike(self.where, [(each.told, each.alike) for each in found], f"{{}} have {self.difference}")
        return found

    @property
    def choices(self) -> str:
        """What to do next: choose one of what can be converted; and what there is besides."""
        found = self.listed()
        fit = [each.told for each in found if not each.unfit and not each.serves]
        fit = fit or [each.told for each in found if not each.unfit]
        others = [f"{each.name} ({each.kind})" for each in found if each.kind]
        todo = f"Choose with {self.option}: {', '.join(few(fit))}" if fit else self.none
        return todo + (f". Not supported: {', '.join(few(others))}" if others else "")

    def refusal(self, what: str) -> Refusal:
        """A refusal that lists the choices."""
        return Refusal(self.where, what, self.choices)

    def _fit(self, name: str) -> Candidate:
        found = self.named(name)
        if found is None:
            raise self.refusal(f"it has no {self.noun} {name!r}")
        if found.unfit:
            raise self.refusal(f"{self.noun} {name!r} {found.unfit}")
        return found

    def _meant(self, together: bool) -> list[Candidate]:
        fit = [each for each in self.listed() if not each.serves and not each.unfit]
        data = [each for each in fit if not each.is_second] or fit
        if together and len({each.alike for each in data}) == 1:
            return data
        if len(data) != 1:
            several, nothing = (
                f"several {self.noun}s could be meant",
                f"it has no {self.noun} of data that can be converted",
            )
            raise self.refusal(several if data else nothing)
        return data


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
