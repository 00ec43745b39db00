"""Members of compound values of HDF5, each seen as a dataset of its own: ``t/x`` is ``x`` of all values of ``t``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py


class Member(h5py.Dataset):  # type: ignore[misc]
    """One member of all values of a dataset.

    Parameters
    ----------
    dataset
        The dataset of compound values.
    member
        The name of the member.
    """

    def __init__(self, dataset: Any, member: str) -> None:
        super().__init__(dataset.id)
        self._whole, self._member = dataset, member

    @property
    def dtype(self) -> Any:
        """The type of the member."""
        return self._whole.dtype[self._member]

    @property
    def fillvalue(self) -> Any:
        """The member of the fill value."""
        return self._whole.fillvalue[self._member]

    def __getitem__(self, box: Any, new_dtype: Any = None) -> Any:
        """The member of the values in a box."""
        return self._whole.fields(self._member)[box]


def members(dataset: Any) -> Iterator[tuple[str, Member]]:
    """The members of a dataset's values, by name; none of one whose values are not compound, or of a type not read."""
    for name in _names(dataset):
        yield name, Member(dataset, name)


def member(dataset: Any, name: str) -> Member:
    """A member by its name; raises KeyError where there is none."""
    if isinstance(dataset, Member) or name not in _names(dataset):
        raise KeyError(name)
    return Member(dataset, name)


def _names(dataset: Any) -> tuple[str, ...]:
    try:
        return dataset.dtype.names or ()
    except (TypeError, ValueError):
        return ()
