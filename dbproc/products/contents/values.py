"""Where two arrays of any type differ: numbers, text, compounds, objects; NaN equals NaN."""

from __future__ import annotations

from typing import Any

_NUMBERS = "biufc"


def differing(old: Any, new: Any) -> tuple[int, float | None]:
    """How many values differ between two arrays of one shape, and the largest absolute difference.

    The largest difference is of numbers alone, None where there is none to tell; infinite when only one is infinite.
    """
    mask, largest = _compare(old, new)
    return int(mask.sum()), largest


def _compare(old: Any, new: Any) -> tuple[Any, float | None]:
    """Where they differ, and by how much at most."""
    import numpy as np

    if old.dtype.names is not None or new.dtype.names is not None:
        return _compare_compounds(old, new)
    if old.dtype.kind in _NUMBERS and new.dtype.kind in _NUMBERS:
        return _compare_numbers(old, new)
    if old.dtype.kind in "SU" and new.dtype.kind == old.dtype.kind:
        return np.asarray(old != new), None
    pairs = zip(_items(old), _items(new), strict=True)
    mask = np.fromiter((not is_equal(one, other) for one, other in pairs), bool, old.size)
    return mask.reshape(old.shape), None


def is_equal(old: Any, new: Any) -> bool:
    """Whether two values are equal: numbers, text (as bytes or not), arrays, compounds, None."""
    import numpy as np

    if isinstance(old, str | bytes) and isinstance(new, str | bytes):
        return _bytes(old) == _bytes(new)
    if old is None or new is None:
        return old is new
    one, other = np.asarray(old), np.asarray(new)
    if one.shape != other.shape:
        return False
    if one.dtype.kind in "SUO" or other.dtype.kind in "SUO":
        return all(_is_equal_item(a, b) for a, b in zip(_items(one), _items(other), strict=True))
    if one.dtype.kind == "V" and one.dtype.names is None:
        return bool(one.tobytes() == other.tobytes())
    return differing(one, other)[0] == 0


def _is_equal_item(old: Any, new: Any) -> bool:
    """Whether two items of arrays are equal; an item that is not an array is compared as it is."""
    nested = (str, bytes, tuple, list)
    if hasattr(old, "shape") or isinstance(old, nested) or hasattr(new, "shape") or isinstance(new, nested):
        return is_equal(old, new)
    return bool(old == new) or bool(old != old and new != new)


def _items(array: Any) -> Any:
    return array.reshape(-1).tolist() if array.dtype.kind != "V" else list(array.reshape(-1))


def _compare_compounds(old: Any, new: Any) -> tuple[Any, float | None]:
    """Compounds with the same fields, field by field; else every value differs."""
    import numpy as np

    if old.dtype.names != new.dtype.names:
        return np.ones(old.shape, bool), None
    mask, largest = np.zeros(old.shape, bool), None
    for name in old.dtype.names:
        if old[name].shape != new[name].shape:
            return np.ones(old.shape, bool), None
        where, most = _compare(old[name], new[name])
        mask |= where.reshape(*old.shape, -1).any(axis=-1)
        largest = most if largest is None else max(largest, most or 0.0)
    return mask, largest


def _compare_numbers(old: Any, new: Any) -> tuple[Any, float | None]:
    import numpy as np

    mask = np.asarray((old != new) & ~((old != old) & (new != new)))
    one, other = old[mask], new[mask]
    if one.size == 0:
        return mask, None
    if one.dtype.kind in "iu" and other.dtype == one.dtype:
        # Modulo 2**64 the difference is exact for all signs.
        return mask, float((np.maximum(one, other).astype("u8") - np.minimum(one, other).astype("u8")).max())
    wide = np.result_type(one.dtype, other.dtype, np.float64)
    with np.errstate(all="ignore"):
        steps = np.abs(one.astype(wide) - other.astype(wide))
    steps = steps[~np.isnan(steps)]
    return mask, float(steps.max()) if steps.size else None


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
