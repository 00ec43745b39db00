"""Members of compound values of HDF5, each seen as a dataset of its own: ``t/x`` is ``x`` of all values of ``t``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any


@cache
def _kind() -> Any:
    """The class of members, a kind of dataset; made when the library is needed."""
    import h5py

    class Member(h5py.Dataset):  # type: ignore[misc]
        """One member of all values of a dataset: the dataset of compound values, and the name of the member."""

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

    return Member


def is_member(dataset: Any) -> bool:
    """Whether a dataset is a member of another one's values."""
    return isinstance(dataset, _kind())


def members(dataset: Any) -> Iterator[tuple[str, Any]]:
    """The members of a dataset's values, by name; none of one whose values are not compound, or of a type not read."""
    for name in _names(dataset):
        yield name, _kind()(dataset, name)


def member(dataset: Any, name: str) -> Any:
    """A member by its name; raises KeyError where there is none."""
    if is_member(dataset) or name not in _names(dataset):
        raise KeyError(name)
    return _kind()(dataset, name)


def _names(dataset: Any) -> tuple[str, ...]:
    try:
        return dataset.dtype.names or ()
    except (TypeError, ValueError):
        return ()
