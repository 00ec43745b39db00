"""Renaming that replaces nothing, also nothing that arrives in the moment between looking and renaming."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from functools import cache

_HERE = -100  # AT_FDCWD
_NO_REPLACE = 1  # RENAME_NOREPLACE
_UNABLE = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}  # an old kernel, or a filesystem such as NFS
_UNLINKED = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}  # a filesystem without hard links, such as FAT


def rename(source: str, target: str) -> None:
    """Rename; what is at the target stays there, whenever it came: FileExistsError then, which names both."""
    sys.audit("os.rename", source, target, -1, -1)  # as os.rename does: who watches what Python does sees this, too
    code = _system_rename()(os.fsencode(source), os.fsencode(target))
    if code in _UNABLE:
        _rename_by_links(source, target)
    elif code:
        raise OSError(code, os.strerror(code), source, None, target)


@cache
def _system_rename() -> Callable[[bytes, bytes], int]:
    """The system's renameat2: gives the number of its error, or 0; ENOSYS where there is none."""
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if call is None:
        return lambda _source, _target: errno.ENOSYS
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)

    def renamed(source: bytes, target: bytes) -> int:
        return ctypes.get_errno() if call(_HERE, source, _HERE, target, _NO_REPLACE) else 0

    return renamed


def _rename_by_links(source: str, target: str) -> None:
    """Give a regular file a second name, which replaces nothing, and take its first; of others look just before."""
    before = os.lstat(source)
    if stat.S_ISREG(before.st_mode):
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _UNLINKED:
                raise
        else:
            if os.path.samestat(os.lstat(source), os.lstat(target)):
                os.unlink(source)
            return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), source, None, target)
    os.rename(source, target)
