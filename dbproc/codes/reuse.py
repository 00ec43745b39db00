"""Timesteps that an earlier dataset holds already: shared with it by hard links, both staying what they are."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dbproc.codes import idx_file, manifest
from dbproc.codes.description import Description, Metadata, Part
from dbproc.codes.idx_reader import read_metadata
from dbproc.codes.inputs import natural
from dbproc.codes.manifest import Facts, companion
from dbproc.codes.refusal import Refusal

STEP = "t{:06d}"
"""The directory of a timestep in the companion."""


@dataclass(frozen=True)
class Earlier:
    """A dataset that was found whole.

    Parameters
    ----------
    path
        Its ``.idx``.
    metadata
        What its converter left.
    """

    path: Path
    metadata: Metadata

    def steps_of(self, description: Description, stored_shape: tuple[int, ...], recipe: str) -> dict[int, int]:
        """Which timesteps of a new dataset it holds already, and where: those that came from equal files, made alike.

        Parameters
        ----------
        description
            The new dataset's, with the digests of its origins.
        stored_shape
            The shape of a timestep of it.
        recipe
            How it is made.
        """
        mine = self.metadata
        is_alike = (mine.recipe, mine.stored_shape) == (recipe, stored_shape)
        if not is_alike or _kind(mine.description) != _kind(description):
            return {}
        known = {_content(mine.description, part): part for part in mine.description.parts}
        pairs = [(part, known.get(_content(description, part))) for part in description.parts]
        equal = [(part, old) for part, old in pairs if old is not None]
        return {part.start + i: old.start + i for part, old in equal for i in range(part.stop - part.start)}

    def counted(self, description: Description, part: Part) -> Part:
        """A part of a new dataset with the tallies of the equal one of this dataset."""
        content, mine = _content(description, part), self.metadata.description
        return replace(part, tallies=next(each.tallies for each in mine.parts if _content(mine, each) == content))


def newest(pattern: str) -> Earlier | None:
    """The dataset of that name, or the last in natural order of those that match a pattern; None for no dataset.

    Raises
    ------
    Refusal
        When it is damaged, or was not made by a converter of dbproc.
    """
    found = sorted(map(Path, glob.glob(pattern)), key=natural)
    if not found:
        return None
    path = found[-1].absolute()
    metadata = read_metadata(path)
    if idx_file.read(path).arco:
        raise Refusal(path, "it is a published copy, of another layout", "Name the dataset that it is a copy of")
    if metadata is None or not manifest.verify(path):
        raise Refusal(
            path, "it has no metadata or no manifest, so nothing of it can be taken over", "Leave out --reuse"
        )
    return Earlier(path, metadata)


def take_over(earlier: Earlier, idx: Path, steps: Mapping[int, int]) -> dict[str, Facts]:
    """Link the files of timesteps into a dataset that is being built; where that cannot be, copy them.

    Parameters
    ----------
    earlier
        The dataset that has them.
    idx
        The ``.idx`` of the one that is being built.
    steps
        The new numbers of the timesteps, and the old ones.

    Returns
    -------
    dict
        What the earlier dataset's manifest says of the files, by their new names.
    """
    facts = manifest.load(earlier.path)
    taken: dict[str, Facts] = {}
    for new, old in steps.items():
        for file in sorted((companion(earlier.path) / STEP.format(old)).iterdir()):
            target = companion(idx) / STEP.format(new) / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(file, target)
            name = target.relative_to(idx.parent).as_posix()
            taken[name] = facts[file.relative_to(earlier.path.parent).as_posix()]
    return taken


def _link(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError:  # another filesystem, or one without hard links
        shutil.copyfile(file, target)


def _content(description: Description, part: Part) -> tuple[str, int]:
    """What a part is made of, and how long it is."""
    return description.origins[part.origin].sha256, part.stop - part.start


def _kind(description: Description) -> tuple[object, ...]:
    """What must be equal for timesteps to be interchangeable."""
    return description.code, description.shape[1:], description.axes[1:], description.fields, description.timesteps
