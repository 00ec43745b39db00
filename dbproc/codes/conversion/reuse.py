"""Timesteps that an earlier dataset holds already: shared with it by hard links, both staying what they are."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from dbproc.codes.conversion.inputs import natural
from dbproc.codes.idx import idx_file, manifest
from dbproc.codes.idx.description import Description, Metadata, Part
from dbproc.codes.idx.idx_reader import read_metadata
from dbproc.codes.idx.manifest import Facts
from dbproc.codes.idx.refusal import Refusal

Content = tuple[tuple[str, ...], int]


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
        known = dict(_contents(mine.description))
        pairs = [(part, known.get(content)) for content, part in _contents(description)]
        equal = [(part, old) for part, old in pairs if old is not None]
        return {part.start + i: old.start + i for part, old in equal for i in range(part.stop - part.start)}

    def counted(self, part: Part, start: int) -> Part:
        """A part of a new dataset with the tallies of the one of this dataset that begins at ``start``."""
        return replace(part, tallies=self._parts[start].tallies)

    @cached_property
    def _parts(self) -> dict[int, Part]:
        return {part.start: part for part in self.metadata.description.parts}


def newest(pattern: str) -> Earlier | None:
    """The dataset of that name, or the last in natural order of those that match a pattern; None for no dataset.

    Raises
    ------
    Refusal
        When it is damaged, or was not made by a converter of dbproc.
    """
    found = [Path(pattern)] if os.path.lexists(pattern) else sorted(map(Path, glob.glob(pattern)), key=natural)
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
    theirs, mine = idx_file.read(earlier.path), idx_file.read(idx)
    taken: dict[str, Facts] = {}
    for new, old in steps.items():
        for first in range(0, mine.blocks, mine.blocks_per_file):
            file, target = theirs.bin(earlier.path, old, 0, first), mine.bin(idx, new, 0, first)
            known = facts.get(file.relative_to(earlier.path.parent).as_posix())
            if known:
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(file, target)
                taken[target.relative_to(idx.parent).as_posix()] = known
    return taken


def _link(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except FileNotFoundError as error:
        raise Refusal(file, "it was removed while it was taken over", "Convert again") from error
    except OSError:  # another filesystem, or one without hard links
        shutil.copyfile(file, target)


def _contents(description: Description) -> list[tuple[Content, Part]]:
    """The parts, and what each is made of: the digests of all its origins, and how long it is.

    The origins of a part are those up to the next part's; what they were unpacked from counts as the last one's.
    """
    parts = description.parts
    ends = [*(part.origin for part in parts[1:]), len(description.origins)]
    own = [description.origins[part.origin : end] for part, end in zip(parts, ends, strict=True)]
    digests = [tuple(each.sha256 for each in origins) for origins in own]
    return [((each, part.stop - part.start), part) for each, part in zip(digests, parts, strict=True)]


def _kind(description: Description) -> tuple[object, ...]:
    """What must be equal for timesteps that came from equal files to be interchangeable."""
    axes = [(axis.name, axis.size) for axis in description.axes[1:]]
    fields = [
        (each.name, each.variable, each.openvisus_dtype, each.fills, each.valid_min, each.valid_max, each.unsigned)
        for each in description.fields
    ]
    return description.code, axes, fields, description.timesteps, description.reversed
