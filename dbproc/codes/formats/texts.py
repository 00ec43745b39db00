"""Text of files that do not say how it is encoded: UTF-8 where it is that, else Latin-1, which all bytes are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of_bytes(content: bytes) -> str:
    """Bytes as the text that they are."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def of_latin(value: Any) -> Any:
    """Text that was read as Latin-1, alone or within attributes, as the text that it is; other values as they are."""
    if isinstance(value, str):
        return of_bytes(value.encode("latin-1", "replace"))
    if isinstance(value, Mapping):
        return {key: of_latin(each) for key, each in value.items()}
    return [of_latin(each) for each in value] if isinstance(value, list) else value
