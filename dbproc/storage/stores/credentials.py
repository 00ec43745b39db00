"""Credentials, looked up by their references when they are used: they stand nowhere else.

``env:NAME`` is a variable of the environment, ``file:PATH`` a file that nobody but its owner may read,
``keyring:SERVICE/NAME`` an entry of the system's keyring.
"""

from __future__ import annotations

import os
import stat

from dbproc.core.errors import PermanentError
from dbproc.core.redaction import remember

_FOR_OTHERS = 0o077
_LARGEST = 1 << 20


def value(reference: str) -> str:
    """The credential that a reference names, without blanks and line breaks around it; nothing for no reference.

    Raises
    ------
    PermanentError
        There is none; the message names the reference.
    """
    kind, _, name = reference.partition(":")
    if not reference:
        return ""
    found = {"env": _of_environment, "file": _of_file, "keyring": _of_keyring}.get(kind)
    if found is None:
        raise PermanentError("a credential is no reference: name where it is kept, env:NAME, file:PATH or keyring:…")
    text = found(name.strip()).strip()
    if not text:
        raise PermanentError(f"the credential {reference} is empty")
    return remember(text)


def path(reference: str) -> str:
    """The path of the file that a reference names, looked at as :func:`value` does; nothing where it names no file."""
    kind, _, name = reference.partition(":")
    if kind != "file":
        return ""
    os.close(_opened(name.strip()))
    return os.path.expanduser(name.strip())


def user(text: str) -> str:
    """A user's name, written as it is or as a reference."""
    return value(text) if text.startswith(("env:", "file:", "keyring:")) else text


def _of_environment(name: str) -> str:
    if not os.environ.get(name):
        raise PermanentError(f"the variable {name} of the environment is not set; set it where runs are started")
    return os.environ[name]


def _of_file(name: str) -> str:
    descriptor = _opened(name)
    with open(descriptor, encoding="utf-8", errors="replace") as stream:
        return stream.read(_LARGEST)


def _opened(name: str) -> int:
    place = os.path.expanduser(name)
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise PermanentError(f"the file {name} of a credential cannot be read: {error.strerror}") from error
    status = os.fstat(descriptor)
    fault = None
    if not stat.S_ISREG(status.st_mode):
        fault = "is no file"
    elif status.st_mode & _FOR_OTHERS:
        fault = f"may be read by others (mode {stat.S_IMODE(status.st_mode):03o}); chmod 600 it"
    elif status.st_uid not in (os.geteuid(), 0):
        fault = "belongs to somebody else"
    if fault is not None:
        os.close(descriptor)
        raise PermanentError(f"the file {name} of a credential {fault}")
    return descriptor


def _of_keyring(name: str) -> str:
    service, slash, entry = name.rpartition("/")
    if not slash:
        raise PermanentError(f"keyring:{name} names no entry; write keyring:SERVICE/NAME")
    try:
        import keyring
    except ImportError:
        raise PermanentError("a credential in the keyring needs a package: pip install 'dbproc[keyring]'") from None
    try:
        found = keyring.get_password(service, entry)
    except Exception as error:  # of whichever backend there is
        raise PermanentError(f"keyring:{name} cannot be read: {type(error).__name__}") from None
    if found is None:
        raise PermanentError(f"the keyring has no entry {entry} of {service}")
    return str(found)
