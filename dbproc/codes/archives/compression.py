"""Compressed files: how they begin, and how they are opened."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import IO, Any

from dbproc.codes.idx.refusal import Refusal

ZSTD = "backports.zstd"
MODULES = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma", b"\x28\xb5\x2f\xfd": ZSTD}
"""How a compressed file begins, and the module that opens it."""
ENDINGS = (".zip", ".7z", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
"""How the names of archives end."""

_HEAD = 512


def is_archive(path: Path, *, single: bool = False) -> bool:
    """Whether a file is an archive, by its name or its content; with ``single`` also one file that is compressed."""
    if path.is_dir():
        return False
    return path.name.lower().endswith(ENDINGS) or kind(path) in ("zip", "7z", "tar", *(["packed"] if single else []))


def kind(path: Path) -> str:
    """What a file is by its content: ``zip``, ``7z``, ``tar`` (compressed or not), ``packed``, or none of these."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
        if head.startswith((b"PK\3\4", b"PK\5\6")):
            return "zip"
        if head.startswith(b"7z\xbc\xaf\x27\x1c"):
            return "7z"
        packed = any(head.startswith(magic) for magic in MODULES)
        if packed:
            with opened(path) as stream:
                head = stream.read(_HEAD)
    except Refusal:
        raise
    except Exception:  # whatever its library does not like
        return ""
    return "tar" if head[257:262] == b"ustar" else "packed" if packed else ""


def opened(path: Path) -> IO[bytes]:
    """A file as it is once it is decompressed, whatever it is compressed by, if by anything."""
    with path.open("rb") as stream:
        head = stream.read(max(map(len, MODULES)))
    module = next((name for magic, name in MODULES.items() if head.startswith(magic)), "")
    found: IO[bytes] = library(path, module).open(path, "rb") if module else path.open("rb")
    return found


def library(path: Path, module: str) -> Any:
    """A module that opens files; refused where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Refusal(path, f"it needs the package {module}", "pip install 'dbproc[formats]'") from error
