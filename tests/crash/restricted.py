"""Becomes a run that lacks something: room on the disk, or the right to write everywhere.

    python -m tests.crash.restricted --file-size 1000000 -- ProcessQueue.py -m mission.sqlite

It works for any user; root is made to obey the modes of directories, too.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import sys

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.crash.restricted", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--file-size", type=int, help="the largest file that can be written, bytes")
    parser.add_argument("--obedient", action="store_true", help="have no rights beyond those that modes give")
    parser.add_argument("arguments", nargs="+")
    given = parser.parse_args()
    if given.obedient and os.geteuid() == 0:
        _drop_rights()
    if given.file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (given.file_size, given.file_size))
    os.execv(sys.executable, [sys.executable, *given.arguments])


def _drop_rights() -> None:
    """From the next exec on, root's rights over files are those of any owner."""
    library = ctypes.CDLL(None, use_errno=True)
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        if library.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


_Words = ctypes.c_uint32 * 6  # effective, permitted, inheritable: the lower halves, then the upper ones
_VERSION_3 = 0x20080522


def be_obedient() -> None:
    """From now on this process and what it starts have no rights over files but those that modes give."""
    if os.geteuid() != 0:
        return
    _drop_rights()
    library = ctypes.CDLL(None, use_errno=True)
    header, words = _Header(_VERSION_3, 0), _Words()
    if library.capget(ctypes.byref(header), words) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    for number in range(3):
        words[number] &= ~(1 << _CAP_DAC_OVERRIDE | 1 << _CAP_DAC_READ_SEARCH)
    if library.capset(ctypes.byref(header), words) != 0:
        raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    main()
