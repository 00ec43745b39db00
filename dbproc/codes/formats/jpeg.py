"""What a JPEG stream must hold to be whole: decoders paint what is missing grey and say nothing.

Follows ITU-T T.81. A stream has no checksum, so values that were changed in place may go unseen; missing ones do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

START, END = b"\xff\xd8", b"\xff\xd9"
ALONE = (0x01, *range(0xD0, 0xD9))
"""Markers that no length follows."""
RESTARTS = range(0xD0, 0xD8)
SEQUENTIAL = (0xC0, 0xC1)
FRAMES = tuple(each for each in range(0xC0, 0xD0) if each not in (0xC4, 0xC8, 0xCC))
SCAN, STOP, INTERVAL = 0xDA, 0xD9, 0xDD
MORE = bytes((index * 37 + 11) % 251 for index in range(64))
"""Bytes that mean something to any decoder that still wants data; 0xff is not among them."""
RUNS = 16
"""So many runs are looked at one by one at most; of more, restart markers tell where they are damaged."""
OTHERS = (MORE, MORE[::-1], MORE[7::2])
"""What stands in place of the last bytes of a run, in turn."""
GROUPS = 8
"""So many groups of blocks at the end of a run are compared."""
EDGE = 2
"""So many pixels from the edge of a run the colours of the next one play in."""
TAIL = 3
"""Bytes at the end of a run that are looked at."""


@dataclass(frozen=True)
class Structure:
    """The places where runs of entropy-coded data start, those behind them, and the place behind the end marker.

    ``sequential`` where each run holds whole blocks, as in all but progressive streams. ``interval`` is how many groups
    of blocks each run holds but the last, and ``group`` the columns and rows of pixels that a group covers; 0 where the
    stream tells none, or has several scans.
    """

    starts: tuple[int, ...]
    runs: tuple[int, ...]
    end: int
    sequential: bool
    interval: int = 0
    group: tuple[int, int] = (0, 0)


def structure(where: object, data: bytes) -> Structure:
    """Walk through the markers of a stream; refuses one that is cut or broken."""
    if data[:2] != START:
        raise Refusal(where, "the JPEG data do not begin with their start marker", GET_AGAIN)
    starts: list[int] = []
    runs: list[int] = []
    place, sequential, scans, interval, group = 2, False, 0, 0, (0, 0)
    while True:
        marker, place = _marker(where, data, place)
        if marker == STOP:
            told = (interval, group) if scans == 1 else (0, (0, 0))
            return Structure(tuple(starts), tuple(runs), place, sequential, *told)
        if marker in ALONE:
            continue
        length = int.from_bytes(data[place : place + 2], "big")
        if length < 2 or place + length > len(data):
            raise Refusal(where, "the JPEG data are cut or damaged", GET_AGAIN)
        body = data[place + 2 : place + length]
        place += length
        sequential |= marker in SEQUENTIAL
        if marker in FRAMES:
            group = _group(body)
        if marker == INTERVAL:
            interval = int.from_bytes(body[:2], "big")
        if marker == SCAN:
            scans += 1
            found = list(_runs(where, data, place))
            starts += [place, *(behind for _, behind in found[:-1])]
            runs += [end for end, _ in found]
            place = runs[-1]


def require_whole(where: object, data: bytes, decode: Callable[[bytes], Any]) -> Any:
    """Decode a stream, having made sure that no part of its data is missing; returns the pixels.

    Besides the markers it is looked at whether the decoder wants more data than there are: bytes added behind each run
    of them are passed over if the run is whole, and change the picture if it is not. And whether it wants fewer: other
    bytes at the end of a run of whole blocks change the picture if they are read. All runs are looked at together, each
    where its own pixels are; those of which that does not tell, one by one.
    """
    import numpy as np

    told = structure(where, data)
    pixels = decode(data)
    if not np.array_equal(pixels, decode(lengthened(data, told))):
        raise Refusal(where, "JPEG data are missing: the decoder wants more than there are", GET_AGAIN)
    open_runs = _unread(pixels, data, told, decode) if told.sequential else []
    for run in open_runs[:RUNS]:
        if all(_same(pixels, _altered(data, told, [run], more), decode) for more in OTHERS):
            raise Refusal(where, "JPEG data are left over: the decoder lost its way among them", GET_AGAIN)
    return pixels


def lengthened(data: bytes, told: Structure) -> bytes:
    """The stream with bytes added behind each run of entropy-coded data."""
    edges = (0, *told.runs)
    parts = (data[low:high] + MORE for low, high in zip(edges, told.runs, strict=False))
    return b"".join((*parts, data[edges[-1] :]))


def _unread(pixels: Any, data: bytes, told: Structure, decode: Callable[[bytes], Any]) -> list[int]:
    """The runs of which other bytes at the end change no pixel of their own, in one decoding of all of them."""
    runs = [i for i in range(len(told.runs)) if _tail(data, told, i) is not None]
    regions = _regions(pixels.shape, told) if len(told.runs) > 1 else {}
    if not regions:
        return runs
    try:
        found = decode(_altered(data, told, runs, OTHERS[0]))
    except Exception:  # the decoder stumbles over one of them: which one is not told
        return runs
    if found.shape != pixels.shape:
        return runs
    one, other = (each.reshape(each.shape[-3:]) if each.ndim > 3 else each for each in (pixels, found))
    return [i for i in runs if not (one[regions[i]] != other[regions[i]]).any()]


def _regions(shape: tuple[int, ...], told: Structure) -> dict[int, tuple[slice, slice]]:
    """The last pixels of each run, those near others left out, into which the colours of these are spread.

    Groups of blocks lie in rows from the left to the right; a run may begin and end within one.
    """
    rows, columns = shape[-3:-1] if len(shape) > 2 else shape
    width, height = told.group
    if not told.interval or not width or not height:
        return {}
    across = -(-columns // width)
    if len(told.runs) != -(-across * -(-rows // height) // told.interval):
        return {}
    found = {}
    for run in range(len(told.runs)):
        first = run * told.interval
        last = min(first + told.interval, across * -(-rows // height)) - 1
        start = max(first, last // across * across, last - GROUPS)
        down, right = last // across * height, (last % across + 1) * width
        found[run] = slice(down + EDGE, down + height - EDGE), slice(start % across * width + EDGE, right - EDGE)
    return found


def _altered(data: bytes, told: Structure, runs: Sequence[int], more: bytes) -> bytes:
    """The stream with other bytes in place of the last of some runs, padding aside."""
    parts, place = [], 0
    for run in runs:
        parts += [data[place : _tail(data, told, run)], more]
        place = told.runs[run]
    return b"".join((*parts, data[place:]))


def _tail(data: bytes, told: Structure, run: int) -> int | None:
    """Where the last bytes of a run begin, padding aside; None where it is too short to have some."""
    start = told.starts[run]
    content = data[start : told.runs[run]]
    place = start + len(content.rstrip(content[-1:])) - TAIL
    return place if place > start else None


def _same(pixels: Any, data: bytes, decode: Callable[[bytes], Any]) -> bool:
    import numpy as np

    try:
        return bool(np.array_equal(pixels, decode(data)))
    except Exception:  # the decoder stumbles: so it has read these bytes
        return False


def _group(frame: bytes) -> tuple[int, int]:
    """Columns and rows of pixels of a group of blocks in a scan of all components, as the frame's header tells."""
    samples = frame[7 : 6 + 3 * frame[5] : 3] if len(frame) > 7 else b""
    if len(samples) <= 1:
        return (8, 8) if samples else (0, 0)
    return 8 * max(each >> 4 for each in samples), 8 * max(each & 15 for each in samples)


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


LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
UNSUPPORTED = (0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7)
"""Frames of pictures in several sizes, of arithmetic coding without loss, and of JPEG-LS."""
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
        if marker in UNSUPPORTED:
            what = f"it is a JPEG of a coding that is not supported (marker FF{marker:02X})"
            raise Refusal(where, what, "Save it as a usual JPEG, as PNG or TIFF")
        if marker in APPLICATIONS:
            segments.append((marker - APPLICATIONS.start, body))
        if marker in FRAMES and len(body) >= 6:
            rows, columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            return Header(rows, columns, body[5], body[0], marker in LOSSLESS, tuple(segments))
