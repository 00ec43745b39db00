"""What a JPEG stream must hold to be whole: decoders paint what is missing grey and say nothing.

Follows ITU-T T.81. A stream has no checksum, so values that were changed in place may go unseen; missing ones do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

START, END = b"\xff\xd8", b"\xff\xd9"
ALONE = (0x01, *range(0xD0, 0xD9))
"""Markers that no length follows."""
RESTARTS = range(0xD0, 0xD8)
SEQUENTIAL = (0xC0, 0xC1)
SCAN, STOP = 0xDA, 0xD9
MORE = bytes((index * 37 + 11) % 251 for index in range(64))
"""Bytes that mean something to any decoder that still wants data; 0xff is not among them."""
RUNS = 16
"""Streams of so many runs are looked at run by run; of more, restart markers tell where they are damaged."""
TAIL = 3
"""Bytes at the end of a run that are looked at."""


@dataclass(frozen=True)
class Structure:
    """The places where runs of entropy-coded data start, those behind them, and the place behind the end marker.

    ``sequential`` where each run holds whole blocks, as in all but progressive streams.
    """

    starts: tuple[int, ...]
    runs: tuple[int, ...]
    end: int
    sequential: bool


def structure(where: object, data: bytes) -> Structure:
    """Walk through the markers of a stream; refuses one that is cut or broken."""
    if data[:2] != START:
        raise Refusal(where, "the JPEG data do not begin with their start marker", GET_AGAIN)
    starts: list[int] = []
    runs: list[int] = []
    place, sequential = 2, False
    while True:
        marker, place = _marker(where, data, place)
        if marker == STOP:
            return Structure(tuple(starts), tuple(runs), place, sequential)
        if marker in ALONE:
            continue
        length = int.from_bytes(data[place : place + 2], "big")
        if length < 2 or place + length > len(data):
            raise Refusal(where, "the JPEG data are cut or damaged", GET_AGAIN)
        place += length
        sequential |= marker in SEQUENTIAL
        if marker == SCAN:
            found = list(_runs(where, data, place))
            starts += [place, *(behind for _, behind in found[:-1])]
            runs += [end for end, _ in found]
            place = runs[-1]


def require_whole(where: object, data: bytes, decode: Callable[[bytes], Any]) -> Any:
    """Decode a stream, having made sure that no part of its data is missing; returns the pixels.

    Besides the markers it is looked at whether the decoder wants more data than there are: bytes added behind each run
    of them are passed over if the run is whole, and change the picture if it is not. And whether it wants fewer: other
    bytes at the end of a run of whole blocks change the picture if they are read.
    """
    import numpy as np

    told = structure(where, data)
    pixels = decode(data)
    if not np.array_equal(pixels, decode(lengthened(data, told))):
        raise Refusal(where, "JPEG data are missing: the decoder wants more than there are", GET_AGAIN)
    for others in _altered(data, told) if told.sequential and len(told.runs) <= RUNS else ():
        if all(_same(pixels, other, decode) for other in others):
            raise Refusal(where, "JPEG data are left over: the decoder lost its way among them", GET_AGAIN)
    return pixels


def lengthened(data: bytes, told: Structure) -> bytes:
    """The stream with bytes added behind each run of entropy-coded data."""
    edges = (0, *told.runs)
    parts = (data[low:high] + MORE for low, high in zip(edges, told.runs, strict=False))
    return b"".join((*parts, data[edges[-1] :]))


def _altered(data: bytes, told: Structure) -> Iterator[list[bytes]]:
    """For each run the stream with other bytes in place of its last, padding aside, in several ways."""
    for start, end in zip(told.starts, told.runs, strict=True):
        run = data[start:end]
        place = start + len(run.rstrip(run[-1:])) - TAIL
        if place > start:
            yield [data[:place] + more + data[end:] for more in (MORE, MORE[::-1], MORE[7::2])]


def _same(pixels: Any, data: bytes, decode: Callable[[bytes], Any]) -> bool:
    import numpy as np

    try:
        return bool(np.array_equal(pixels, decode(data)))
    except Exception:  # the decoder stumbles: so it has read these bytes
        return False


def _marker(where: object, data: bytes, place: int) -> tuple[int, int]:
    """The marker at a place, fill bytes before it passed over, and the place behind it."""
    if data[place : place + 1] != b"\xff":
        raise Refusal(where, "the JPEG data are cut or damaged", GET_AGAIN)
    while data[place : place + 1] == b"\xff":
        place += 1
    if place >= len(data):
        raise Refusal(where, "the JPEG data are cut", GET_AGAIN)
    return data[place], place + 1


def _runs(where: object, data: bytes, place: int) -> Iterator[tuple[int, int]]:
    """The places where the runs of one scan end, before a marker and its fill bytes; and the places behind the marker.

    The markers are restart markers, but for the last, which begins what follows the scan.
    """
    wanted = 0
    while True:
        end = data.find(b"\xff", place)
        if end < 0:
            raise Refusal(where, "the JPEG data are cut", GET_AGAIN)
        marker, place = _marker(where, data, end)
        if marker == 0:  # the byte 0xff itself
            continue
        yield end, place
        if marker not in RESTARTS:
            return
        if marker - RESTARTS.start != wanted:
            raise Refusal(where, "the JPEG data are damaged: parts of them are missing or misplaced", GET_AGAIN)
        wanted = (wanted + 1) % len(RESTARTS)


@dataclass(frozen=True)
class Header:
    """What a stream says of its picture before its pixels: ``segments`` are its applications' (APPn) parts."""

    rows: int
    columns: int
    components: int
    bits: int
    lossless: bool
    segments: tuple[tuple[int, bytes], ...]


FRAMES = tuple(each for each in range(0xC0, 0xD0) if each not in (0xC4, 0xC8, 0xCC))
LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
APPLICATIONS = range(0xE0, 0xF0)


def header(where: object, data: bytes) -> Header:
    """What stands before the pixels; refuses a stream that is cut before them."""
    if data[:2] != START:
        raise Refusal(where, "it is no JPEG file", "Check its name")
    place, segments = 2, []
    while True:
        marker, place = _marker(where, data, place)
        length = int.from_bytes(data[place : place + 2], "big")
        if marker in ALONE or marker in (STOP, SCAN) or length < 2 or place + length > len(data):
            raise Refusal(where, "the JPEG header is cut or damaged", GET_AGAIN)
        body = data[place + 2 : place + length]
        place += length
        if marker in APPLICATIONS:
            segments.append((marker - APPLICATIONS.start, body))
        if marker in FRAMES and len(body) >= 6:
            rows, columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            return Header(rows, columns, body[5], body[0], marker in LOSSLESS, tuple(segments))
