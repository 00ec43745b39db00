"""Whether the operating system can start a program: its first line, the interpreter there, the format of a binary.

What it says itself, ``No such file or directory`` for a script that is there, misleads.
"""

from __future__ import annotations

import os
import shlex
import shutil
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from dbproc.core.model import FIRST
from dbproc.engines.process import environment

Entries = tuple[str, ...]
_LONGEST_LINE = 255
"""Bytes of a first line, without its end: the kernel cuts off what is longer, without a word."""
_MOST_INTERPRETERS = 4
"""How many scripts may be interpreters of each other; the kernel follows no more."""
_MOST_WORDS = 6 * 1024 * 1024
"""Bytes that Linux takes of a command line and its environment together, however large the stack may be."""
_LONGEST_WORD = 32 * 4096 - 1
_SLACK = 8192  # bytes for what the system adds
_ELF = b"\x7fELF"
_OTHER_BINARIES = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe") if sys.platform == "darwin" else ()
_HANDLERS = Path("/proc/sys/fs/binfmt_misc")
_TAKES_VALUE = ("-u", "--unset", "-C", "--chdir")


def too_long(words: Sequence[str]) -> bool:
    """Whether a command line is longer than the operating system takes."""
    sizes = [len(os.fsencode(word)) for word in words]
    ours = environment()
    size = sum(sizes) + sum(len(os.fsencode(name)) + len(os.fsencode(value)) + 1 for name, value in ours.items())
    pointers = (len(sizes) + len(ours)) * (struct.calcsize("P") + 1)
    told = os.sysconf("SC_ARG_MAX")
    most = min(told, _MOST_WORDS) if told > 0 else _MOST_WORDS
    return size + pointers + _SLACK > most or max(sizes, default=0) > _LONGEST_WORD


def fault(path: str, entries: Entries = (FIRST,), depth: int = 0) -> str | None:
    """Why an executable file cannot be started, and what to do; None when nothing speaks against it.

    `entries`: what the mission says of the path of codes. `depth` is how many interpreters deep it is one itself.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        return f"it cannot be read: {error.strerror}; give dbproc's user the right to read it"
    if head.startswith(b"#!"):
        return _script_fault(path, head, entries, depth)
    if head.startswith(_ELF):
        return _loader_fault(head)
    if head.startswith(_OTHER_BINARIES) or _is_handled(path, head):
        return None
    return f"it {_strange(path, head)}"


def _strange(path: str, head: bytes) -> str:
    """What is wrong with a file that is neither a script with an interpreter line nor a binary."""
    if not head:
        return "is empty"
    if head.startswith(b"\xef\xbb\xbf#!"):
        remedy = f"sed -i '1s/^\\xef\\xbb\\xbf//' {shlex.quote(path)}"
        return f"begins with a byte order mark, which hides its interpreter line; take it out: {remedy}"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is text in UTF-16; save it in UTF-8"
    if head.lstrip().startswith(b"#!"):
        return "has blanks before its interpreter line; its first two characters must be #!"
    return (
        "has no interpreter line, and is not a binary of this system: "
        "begin it with one, such as #!/bin/sh or #!/usr/bin/env python3"
    )


def _script_fault(path: str, head: bytes, entries: Entries, depth: int) -> str | None:
    line, _, _ = head[2:].partition(b"\n")
    if len(line) + 2 > _LONGEST_LINE:
        return f"its first line is longer than the {_LONGEST_LINE} bytes that the system takes; shorten it"
    if line.endswith(b"\r"):
        return f"its first line ends in CR, as on Windows; take them out: sed -i 's/\\r$//' {shlex.quote(path)}"
    interpreter, _, rest = os.fsdecode(line).strip(" \t").partition(" ")
    interpreter, _, more = interpreter.partition("\t")
    problem = _interpreter_fault(interpreter, f"{more} {rest}".strip(" \t"), entries, depth)
    return f"its first line {problem}" if problem else None


def _interpreter_fault(interpreter: str, argument: str, entries: Entries, depth: int) -> str | None:
    if not interpreter:
        return "names no interpreter; write one behind #!, such as #!/bin/sh"
    if not os.path.isabs(interpreter):
        return f"names the interpreter {interpreter!r} without its path; write #!/usr/bin/env {interpreter}"
    if os.path.exists(interpreter) and not os.path.isfile(interpreter):
        return f"names the interpreter {interpreter}, which is not a program; name another one"
    if not os.path.isfile(interpreter):
        return f"names the interpreter {interpreter}, which does not exist; install it, or name another one"
    if not os.access(interpreter, os.X_OK):
        return f"names the interpreter {interpreter}, which is not executable; name another one"
    if os.path.basename(interpreter) == "env":
        return _env_fault(argument, entries)
    if depth == _MOST_INTERPRETERS:
        return f"names the interpreter {interpreter}, which has too many interpreters of its own; name another one"
    inner = fault(interpreter, entries, depth + 1)
    return f"names {interpreter}, which cannot be started: {inner}" if inner else None


def _env_fault(argument: str, entries: Entries) -> str | None:
    """What is wrong with what ``env`` is to start; it takes all that follows for one name, unless ``-S`` divides it."""
    name = _divided(argument) if argument.startswith(("-S", "--split-string", "-vS")) else argument
    if name is None:
        return None
    if not name:
        return "names no program for env to start; write one, such as #!/usr/bin/env python3"
    path = environment(entries)["PATH"]
    if shutil.which(name, path=path) is not None:
        return None
    words = name.split()
    program = next((word for word in words if "=" not in word), "")
    if len(words) > 1 and program and shutil.which(program, path=path) is not None:
        return f"has env look for a program of the name {name!r}; to give it arguments, write env -S {name}"
    return (
        f"names {name!r} for env to start, and it is not in the directories that codes have in PATH, {path}; "
        "install it there, or name the interpreter with its path"
    )


def _divided(argument: str) -> str | None:
    """The program in ``-S python3 -u``; None when only ``env`` itself can tell."""
    text = argument.removeprefix("-v").removeprefix("-S").removeprefix("--split-string").removeprefix("=")
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    while words and (words[0].startswith("-") or "=" in words[0]):
        if words[0] in ("-", "-i", "--ignore-environment", *_TAKES_VALUE) or words[0].startswith("PATH="):
            return None
        words = words[1:]
    return words[0] if words else ""


def _loader_fault(head: bytes) -> str | None:
    """Why a binary cannot be started: the loader that it names is not there."""
    try:
        loader = _loader(head)
    except (struct.error, IndexError, ValueError):
        return None
    if loader is None or os.path.exists(loader):
        return None
    return f"it needs the loader {loader}, which does not exist: it was built for another system"


def _loader(head: bytes) -> str | None:
    """The dynamic loader that an ELF file names, None when there is none or it stands further behind."""
    is_wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    table, size, count = (
        (*struct.unpack_from(f"{order}Q", head, 32), *struct.unpack_from(f"{order}2H", head, 54))
        if is_wide
        else (*struct.unpack_from(f"{order}I", head, 28), *struct.unpack_from(f"{order}2H", head, 42))
    )
    for number in range(count):
        at = table + number * size
        if struct.unpack_from(f"{order}I", head, at)[0] != 3:  # PT_INTERP
            continue
        wide, narrow = (f"{order}Q", at + 8, at + 32), (f"{order}I", at + 4, at + 16)
        form, offset_at, length_at = wide if is_wide else narrow
        offset, length = (struct.unpack_from(form, head, place)[0] for place in (offset_at, length_at))
        text = head[offset : offset + length]
        return os.fsdecode(text.rstrip(b"\0")) if len(text) == length else None
    return None


def _is_handled(path: str, head: bytes) -> bool:
    """Whether the system was told (binfmt_misc) how to start such a file."""
    try:
        texts = [each.read_text(errors="replace") for each in _HANDLERS.iterdir() if each.name not in _NOT_HANDLERS]
    except OSError:
        return False
    return any(_handles(text, path, head) for text in texts)


_NOT_HANDLERS = ("register", "status")


def _handles(text: str, path: str, head: bytes) -> bool:
    facts = dict(line.partition(" ")[::2] for line in text.splitlines())
    if "enabled" not in facts:
        return False
    if "extension" in facts:
        return path.endswith(facts["extension"])
    try:
        magic = bytes.fromhex(facts["magic"])
        mask = bytes.fromhex(facts.get("mask", "ff" * len(magic)))
        part = head[int(facts["offset"]) :][: len(magic)]
    except (KeyError, ValueError):
        return False
    return len(part) == len(magic) and all(a & m == b & m for a, b, m in zip(part, magic, mask, strict=True))
