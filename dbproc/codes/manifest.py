"""The list of a dataset's files with their sizes and digests: what tells a whole dataset from a damaged one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dbproc.codes.refusal import Refusal
from dbproc.codes.source import sha256

NAME = "manifest.json"
FORMAT = "dbproc-manifest 1"


def companion(idx: Path) -> Path:
    """The directory that holds the blocks of ``x.idx``: ``x``, beside it."""
    return idx.with_suffix("")


def path(idx: Path) -> Path:
    """Where the manifest of a dataset is."""
    return companion(idx) / NAME


def write(idx: Path) -> None:
    """Write the manifest of a finished dataset into its companion directory."""
    files = [idx, *sorted(each for each in companion(idx).rglob("*") if each.is_file())]
    content = {"format": FORMAT, "files": {_name(each, idx): _facts(each) for each in files}}
    path(idx).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def verify(idx: Path, *, digests: bool = True) -> bool:
    """Compare a dataset with its manifest.

    Parameters
    ----------
    idx
        The ``.idx``.
    digests
        Whether to read every byte, which finds every change; else sizes only.

    Returns
    -------
    bool
        Whether there is a manifest; what it says is true then.

    Raises
    ------
    Refusal
        Naming the first file that is missing, cut or changed.
    """
    if not path(idx).is_file():
        return False
    for name, facts in _load(path(idx)).items():
        _compare(idx.parent / name, facts, digests)
    return True


def _load(listing: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(listing.read_text())
        files: dict[str, dict[str, Any]] = content["files"] if content["format"] == FORMAT else {}
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(listing, "the manifest cannot be read", "Make the dataset again") from error
    if not files:
        raise Refusal(listing, f"the manifest is not of the format {FORMAT!r}", "Make the dataset again")
    return files


def _compare(file: Path, facts: dict[str, Any], digests: bool) -> None:
    todo = "Make the dataset again from its source"
    if not file.is_file():
        raise Refusal(file, "this file of the dataset is missing", todo)
    if file.stat().st_size != facts["bytes"]:
        raise Refusal(file, f"it is {file.stat().st_size} bytes long where {facts['bytes']} were written", todo)
    if digests and sha256(file) != facts["sha256"]:
        raise Refusal(file, "its bytes are not those that were written (SHA-256 differs)", todo)


def _facts(file: Path) -> dict[str, Any]:
    return {"bytes": file.stat().st_size, "sha256": sha256(file)}


def _name(file: Path, idx: Path) -> str:
    return file.relative_to(idx.parent).as_posix()
