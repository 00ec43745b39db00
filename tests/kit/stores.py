"""Stores of a mission in directories of this machine, and what lies in them."""

from __future__ import annotations

from pathlib import Path

from tests.kit.mission import table


def store(name: str, directory: Path, **keys: object) -> str:
    """A store in a directory, which is made."""
    directory.mkdir(parents=True, exist_ok=True)
    return table(f"store.{name}", {"url": f"file://{directory}", "reserve": 0, **keys})


def rule(*products: str, to: list[str], **keys: object) -> str:
    """What has copies where."""
    return table("replicate", {"products": list(products), "to": to, **keys}).replace("[replicate]", "[[replicate]]")


def lying(directory: Path) -> dict[str, str]:
    """The files below a directory, by their paths: what is in them."""
    found = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path.relative_to(directory)): path.read_text() for path in found}


def with_places(directory: Path, product: str) -> list[str]:
    """A source, a store with a rule that brings files of a product there, and an area: all in directories."""
    for name in ("far", "users"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    return [
        table("source.far", {"url": f"file://{directory / 'far'}", "reserve": 0}),
        store("nas", directory / "nas"),
        rule(product, to=["nas"]),
        table("area.users", {"directory": str(directory / "users"), "reserve": 0}),
    ]
