"""Pictures of files: each drawn in a process of its own, within limits, and kept by the digest of what it shows.

Few are drawn at once, and not many wait; a process ends with the request's task, with the service, or when its time is
up. Files are told by their rows in the catalogue: nothing that a client sends becomes a path.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool

from dbproc import __version__
from dbproc.core.errors import StorageError
from dbproc.core.model import Mission
from dbproc.database import files
from dbproc.database.files import FileRow
from dbproc.database.store import Store
from dbproc.engines import confined
from dbproc.run.whereabouts import places_of
from dbproc.service.problems import Problem
from dbproc.storage.layout import PRIVATE
from dbproc.storage.shelf import Shelf

MEMORY_LIMIT = 4 << 30
"""Bytes of address space: OpenVisus asks for much that it does not use."""

TIME_LIMIT = 30.0
"""Seconds."""

MOST_BYTES = 256 << 20
"""Of pictures that are kept."""

SUFFIXES = (
    *(".idx", ".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".he5", ".nxs"),
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".webp"),
)
"""How the names of files end that are looked at."""

_AT_ONCE = 2
_WAITING = 12
_PROGRAM = "dbproc.codes.previews.program"
_OUTPUT = "picture.png"


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a file is to be drawn; see :mod:`dbproc.codes.previews.program`."""

    field: str = ""
    at: tuple[tuple[int, int], ...] = ()
    axes: tuple[int, ...] = ()
    zoom: int = 1
    colours: str = "seen"


@dataclass(frozen=True, slots=True)
class Source:
    """A file whose content is to be seen: where it is, the members of its companion directory, a digest of all that."""

    path: str | None
    members: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """What there is to be chosen, and what is seen; the picture itself, where there is one; why there is none."""

    facts: dict[str, Any]
    picture: bytes = b""
    refusal: str = ""


def source_of(store: Store, mission: Mission, number: int) -> tuple[FileRow, Source]:
    """A file of the catalogue and where its bytes are."""
    with store.begin() as connection:
        row = files.find_file(connection, str(number))
        path = places_of(connection, mission, [row])[number]
        members = files.members_of_files(connection, [number]).get(number, [])
    digests = [row.digest, *sorted(f"{each.path}\0{each.digest}" for each in members)]
    names = tuple(each.path for each in members)
    return row, Source(path, names, hashlib.sha256("\n".join(digests).encode("utf-8", "surrogateescape")).hexdigest())


class Previews:
    """The pictures of one service."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    def key(self, source: Source, asked: Asked) -> str:
        """What stands for a picture: another one has another."""
        told = json.dumps([__version__, source.digest, asdict(asked)], sort_keys=True)
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()

    async def drawn(self, mission: Mission, source: Source, asked: Asked) -> Drawn:
        """The picture: the one that is kept, or a new one.

        Raises
        ------
        Problem
            Many are waited for already (503).
        """
        if source.path is None or not await run_in_threadpool(os.path.isfile, source.path):
            return Drawn({}, refusal="its bytes are not on this disk as one file")
        shelf, key = Shelf(os.path.join(mission.root, PRIVATE, "pictures"), MOST_BYTES), self.key(source, asked)
        kept = await run_in_threadpool(shelf.get, key)
        if kept is not None:
            return _unpacked(kept)
        if self._waiting >= _WAITING:
            raise Problem(503, "many pictures are being drawn; ask again in a moment", {"Retry-After": "3"})
        self._waiting += 1
        try:
            async with self._room:
                made = await self._draw(shelf, source, asked)
        finally:
            self._waiting -= 1
        if not made.refusal:
            await run_in_threadpool(shelf.put, key, _packed(made))
        return made

    async def _draw(self, shelf: Shelf, source: Source, asked: Asked) -> Drawn:
        try:
            async with contextmanager_in_threadpool(shelf.room()) as room:
                said = await _ran(room, {"path": source.path, "members": source.members, **_words(asked)})
                if isinstance(said, str):
                    return Drawn({}, refusal=said)
                if "refusal" in said:
                    return Drawn({}, refusal=said["refusal"])
                return Drawn(said, await run_in_threadpool(_read, os.path.join(room, _OUTPUT)))
        except StorageError as error:
            return Drawn({}, refusal=str(error))


def _words(asked: Asked) -> dict[str, Any]:
    return {**asdict(asked), "at": {str(number): index for number, index in asked.at}}


async def _ran(room: str, told: dict[str, Any]) -> dict[str, Any] | str:
    """What the program says, or why it said nothing."""
    child = await asyncio.create_subprocess_exec(
        *confined.command(_PROGRAM, [], MEMORY_LIMIT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**confined.environment(), "TMPDIR": room, "MPLCONFIGDIR": room},
        cwd=room,
    )
    words = json.dumps({**told, "output": os.path.join(room, _OUTPUT)}).encode()
    try:
        async with asyncio.timeout(TIME_LIMIT):
            said, _ = await child.communicate(words)
    except TimeoutError:
        return f"drawing it takes longer than {TIME_LIMIT:g} s; a smaller part may be drawn"
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    try:
        found: dict[str, Any] = json.loads(said)
    except ValueError:
        return f"the process that was to draw it ended with {child.returncode}: it may be damaged, or too large"
    return found


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return b""


def _packed(made: Drawn) -> bytes:
    return json.dumps(made.facts).encode() + b"\n" + made.picture


def _unpacked(kept: bytes) -> Drawn:
    facts, _, picture = kept.partition(b"\n")
    return Drawn(json.loads(facts), picture)
