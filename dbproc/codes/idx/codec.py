"""How blocks are compressed: named, checked against what it can hold, and undone for comparison."""

from __future__ import annotations

import importlib
import math
import re
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.idx_file import StoredField
    from dbproc.codes.idx.values import Values

ZIP_LEVEL = 2
"""Of isal: level 0 is larger by far, 1 larger where values are whole numbers, 3 slower for next to nothing."""
_OF_THREAD = threading.local()
ZFP_HEADER = 12
"""Bytes that imagecodecs puts before a zfp stream, and OpenVisus does not."""
ZFP_WORD = 8
CHOICES = "raw, zip, zfp (lossless), zfp-accuracy=E (loses up to E)"
LOSSLESS = ("float32", "float64", "int32", "int64")
LOSSY = ("float32", "float64")


@dataclass(frozen=True)
class Codec:
    """One of ``raw``, ``zip``, ``zfp`` and ``zfp-accuracy=E``; ``bound`` is that E, None where nothing is lost."""

    name: str
    bound: float | None = None

    @staticmethod
    def parse(text: str) -> Codec:
        """The codec that is called so; raises Refusal with the choices."""
        if text in ("raw", "zip", "zfp"):
            return Codec(text)
        name, _, number = text.partition("=")
        try:
            bound = float(number) if name == "zfp-accuracy" else math.nan
        except ValueError:
            bound = math.nan
        if not 0 < bound < math.inf:
            raise Refusal(f"codec {text}", "there is no such codec", f"Choose one of: {CHOICES}")
        return Codec("zfp", bound)

    def __str__(self) -> str:
        return self.name if self.bound is None else f"zfp-accuracy={_plain(self.bound)}"

    @property
    def lossy(self) -> bool:
        """Whether values may change."""
        return self.bound is not None

    @property
    def in_idx(self) -> str:
        """What the ``.idx`` has to say of the fields, for OpenVisus decodes zfp by that; else empty."""
        if self.name != "zfp":
            return ""
        kind = "reversible" if self.bound is None else f"accuracy={_plain(self.bound)}"
        return f"zfp-{kind}-{kind}"

    def require_fit(self, where: object, axes: int, fields: Sequence[StoredField]) -> None:
        """Refuse fields that the codec cannot hold.

        Parameters
        ----------
        where
            The dataset, for the message.
        axes
            How many axes it is stored with.
        fields
            Its fields.
        """
        if self.name != "zfp":
            return
        dtypes = LOSSY if self.lossy else LOSSLESS
        unfit = [each for each in fields if axes not in (2, 3) or each.components != 1 or each.dtype not in dtypes]
        if unfit:
            told = ", ".join(f"{each.name} ({_told(each)}, {axes}D)" for each in unfit)
            todo = f"{self} fits 2D and 3D fields of one component: {', '.join(dtypes)}. Choose zip or raw"
            raise Refusal(where, f"{self} cannot hold {told}", todo)


def zipped(raw: bytes) -> bytes:
    """A zlib stream that was inflated again, by another library, and compared."""
    igzip = importlib.import_module("isal.igzip_lib")
    # Little memory makes codes for short stretches, which fit noisy floats better than those for a whole block.
    settings = {"flag": igzip.COMP_ZLIB, "mem_level": igzip.MEM_LEVEL_SMALL, "hist_bits": 15}
    stream: bytes = igzip.compress(raw, ZIP_LEVEL, **settings)
    if importlib.import_module("imagecodecs").deflate_decode(stream, out=_room(len(raw))) != raw:
        raise AssertionError("a block inflates to other than it was")
    return stream


def _room(size: int) -> bytearray:
    """Room for a block to be inflated into, the same for all blocks of a thread: to make it anew takes a while."""
    if len(getattr(_OF_THREAD, "room", b"")) != size:
        _OF_THREAD.room = bytearray(size)
    found: bytearray = _OF_THREAD.room
    return found


def unzipped(stream: bytes, size: int) -> bytes:
    """The content of a zlib stream of which ``size`` bytes are expected; raises ValueError when it is damaged."""
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(stream, size + 1)
    except zlib.error as error:
        raise ValueError(f"it cannot be inflated: {error}") from error
    if len(content) != size or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"it inflates to other than {size} bytes")
    return content


def zfped(values: Values, codec: Codec) -> tuple[bytes, bytes]:
    """A zfp stream as OpenVisus has it, without a header; and the bytes of the values that it gives back."""
    zfp = importlib.import_module("imagecodecs")
    coded = bytes(zfp.zfp_encode(values, numthreads=1, **_mode(codec.bound)))
    stream = coded[ZFP_HEADER:]
    stream += bytes(-len(stream) % ZFP_WORD)
    return stream, zfp.zfp_decode(coded[:ZFP_HEADER] + stream, numthreads=1).tobytes()


def unzfped(stream: bytes, shape: tuple[int, ...], dtype: str, in_idx: str) -> bytes:
    """The bytes of the values in a zfp stream without a header; raises ValueError when it is damaged."""
    import numpy as np

    zfp = importlib.import_module("imagecodecs")
    kind = re.fullmatch(r"zfp-(?:reversible|accuracy=([^-]+))-.*", in_idx)
    if kind is None:
        raise LookupError(f"{in_idx or 'zfp'} is not undone here")
    header = bytes(zfp.zfp_encode(np.zeros(shape, dtype), **_mode(float(kind[1]) if kind[1] else None)))[:ZFP_HEADER]
    try:
        return bytes(zfp.zfp_decode(header + stream, numthreads=1).tobytes())
    except RuntimeError as error:
        raise ValueError(f"it cannot be decoded: {error}") from error


def _mode(bound: float | None) -> dict[str, Any]:
    return {"mode": "reversible"} if bound is None else {"mode": "accuracy", "level": bound}


def _plain(number: float) -> str:
    """A number without an exponent, whose sign OpenVisus would take for the end of it."""
    return f"{Decimal(repr(number)):f}"


def _told(field: StoredField) -> str:
    return field.dtype if field.components == 1 else f"{field.dtype}[{field.components}]"
