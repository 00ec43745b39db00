"""Stores of a mission in directories of this machine, and what lies in them."""

from __future__ import annotations

<<<<<<< HEAD
from pathlib import Path

from tests.kit.mission import table


def store(name: str, directory: Path, **keys: object) -> str:
    """A store in a directory, which is made."""
    directory.mkdir(parents=True, exist_ok=True)
    return table(f"store.{name}", {"url": f"file://{directory}", "reserve": 0, **keys})


def rule(*products: str, to: list[str], **keys: object) -> str:
    """What has copies where."""
    return table("replicate", {"products": list(products), "to": to, **keys}).replace("[replicate]", "[[replicate]]")
=======
from collections.abc import Sequence
from pathlib import Path

from dbproc.core.places import REPLICATES, STORES, ReplicateSpec, StoreSpec
from tests.kit.mission import Mission


def keep(mission: Mission, stores: Sequence[StoreSpec] = (), rules: Sequence[ReplicateSpec] = ()) -> None:
    """Have a mission keep copies in stores by rules."""
    values = (STORES.to_column(tuple(stores)), REPLICATES.to_column(tuple(rules)))
    mission.execute("UPDATE mission SET stores = '{}', replicates = '{}'".format(*values))


def store(name: str, directory: Path, **keys: object) -> StoreSpec:
    """A store in a directory, which is made."""
    directory.mkdir(parents=True, exist_ok=True)
    return StoreSpec(name=name, url=f"file://{directory}", **{"reserve": 0.0, **keys})  # type: ignore[arg-type]


def rule(*products: str, to: Sequence[str], **keys: object) -> ReplicateSpec:
    return ReplicateSpec(name="1", products=products, to=tuple(to), **keys)  # type: ignore[arg-type]
>>>>>>> 0687884891246ac04daee8d0f7d7ea9358da0230


def lying(directory: Path) -> dict[str, str]:
    """The files below a directory, by their paths: what is in them."""
<<<<<<< HEAD
    found = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path.relative_to(directory)): path.read_text() for path in found}
=======
    return {
        str(path.relative_to(directory)): path.read_text() for path in sorted(directory.rglob("*")) if path.is_file()
    }
>>>>>>> 0687884891246ac04daee8d0f7d7ea9358da0230
