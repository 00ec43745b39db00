"""The list of a dataset's files with their sizes and digests: what tells a whole dataset from a damaged one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbproc.codes.idx.files import sha256
from dbproc.codes.idx.refusal import Refusal

NAME = "manifest.json"
FORMAT = "dbproc-manifest 2"
AGAIN = "Make the dataset again from its source"


@dataclass(frozen=True)
class Facts:
    """Size and SHA-256 of a file; of a bin with many blocks the CRC-32 of its table and of each block besides."""

    bytes: int
    sha256: str
    blocks: tuple[int, ...] = ()


def companion(idx: Path) -> Path:
    """The directory that holds the blocks of ``x.idx``: ``x``, beside it."""
    return idx.with_suffix("")


def path(idx: Path) -> Path:
    """Where the manifest of a dataset is."""
    return companion(idx) / NAME


def files(idx: Path) -> list[Path]:
    """The files of a dataset that are there, but for the manifest."""
    within = sorted(each for each in companion(idx).rglob("*") if each.is_file() or each.is_symlink())
    return [idx, *(each for each in within if each != path(idx))]


def write(idx: Path, known: Mapping[str, Facts] | None = None) -> None:
    """Write the manifest of a finished dataset into its companion directory.

    Parameters
    ----------
    idx
        The ``.idx``.
    known
        What is known already, by names relative to the directory of the ``.idx``: those files are not read again.
    """
    found = known or {}
    listed = {name: found.get(name) or _facts(each) for each in files(idx) for name in [_name(each, idx)]}
    path(idx).write_text(_text(listed))


def load(idx: Path) -> dict[str, Facts]:
    """What the manifest says, by names relative to the directory of the ``.idx``.

    Raises
    ------
    Refusal
        When any of its bytes is not as it was written.
    """
    listing = path(idx)
    try:
        text = listing.read_text(encoding="ascii")
        content: dict[str, Any] = json.loads(text)
        found = {name: _from_json(each) for name, each in content["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refusal(listing, "the manifest cannot be read", AGAIN) from error
    if content.get("format") != FORMAT:
        raise Refusal(listing, f"the manifest is not of the format {FORMAT!r}", AGAIN)
    if not found or text != _text(found):
        raise Refusal(listing, "the manifest is not as it was written (its digest differs)", AGAIN)
    return found


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
    for name, facts in load(idx).items():
        what = difference(idx.parent / name, facts, digests=digests)
        if what:
            raise Refusal(idx.parent / name, what, AGAIN)
    return True


def difference(file: Path, facts: Facts, *, digests: bool) -> str:
    """How a file differs from what the manifest says of it; empty where it does not."""
    if not file.is_file():
        return "this file of the dataset is missing"
    if file.stat().st_size != facts.bytes:
        return f"it is {file.stat().st_size} bytes long where {facts.bytes} were written"
    if digests and sha256(file) != facts.sha256:
        return "its bytes are not those that were written (SHA-256 differs)"
    return ""


def additional(idx: Path, listed: Mapping[str, Facts]) -> Iterator[Path]:
    """Files in the companion directory that the manifest does not know."""
    return (each for each in files(idx) if _name(each, idx) not in listed)


def _text(listed: Mapping[str, Facts]) -> str:
    content = {"format": FORMAT, "files": {name: _to_json(facts) for name, facts in listed.items()}}
    digest = hashlib.sha256(_json(content).encode()).hexdigest()
    return _json({**content, "sha256": digest}) + "\n"


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, sort_keys=True)


def _to_json(facts: Facts) -> dict[str, Any]:
    blocks = {"blocks": "".join(f"{each:08x}" for each in facts.blocks)} if facts.blocks else {}
    return {"bytes": facts.bytes, "sha256": facts.sha256, **blocks}


def _from_json(content: Mapping[str, Any]) -> Facts:
    text = content.get("blocks", "")
    blocks = tuple(int(text[i : i + 8], 16) for i in range(0, len(text), 8))
    return Facts(int(content["bytes"]), str(content["sha256"]), blocks)


def _facts(file: Path) -> Facts:
    return Facts(file.stat().st_size, sha256(file))


def _name(file: Path, idx: Path) -> str:
    return file.relative_to(idx.parent).as_posix()
