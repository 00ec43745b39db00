"""One hierarchy of errors: what the user can mend, and what is a defect.

A :class:`UserError` says what is wrong, where, and what to do next; the command line prints it without a traceback
and exits with its ``exit_status``. What is not a :class:`DbprocError` is a defect of dbproc and keeps its traceback.

::

    DbprocError
    ├── UserError
    │   ├── DatabaseError
    │   │   ├── SchemaError
    │   │   └── DatabaseRefusedError
    │   ├── DefinitionError
    │   ├── FormatError
    │   ├── VersionError
    │   ├── NotFoundError
    │   ├── BusyError
    │   ├── LockError
    │   ├── RootError
    │   ├── RepairError
    │   ├── StorageError
    │   ├── LayoutError
    │   ├── UnsettledError
    │   ├── TooLargeError
    │   ├── QuotaError
    │   ├── HeldError
    │   └── EndedError
    ├── DatabaseLostError
    ├── ConflictError
    ├── UnstorableError
    ├── UnreadableError
    ├── InspectionError
    ├── PlacementError
    │   └── ForeignFileError
    └── TransferError
        ├── TemporaryError
        │   └── RoomError
        └── PermanentError
            ├── GoneError
            └── TakenError
"""

from __future__ import annotations

from dbproc.core.redaction import without_credentials

EXIT_DONE = 0
EXIT_SOME_FAILED = 1
EXIT_USAGE = 2
EXIT_BUSY = 75
EXIT_NEEDS_PERSON = 78
EXIT_INTERRUPTED = 130

NO_MISSION = "the database holds no mission yet; define it with: dbproc apply MISSION.toml"


class DbprocError(Exception):
    """Base of everything dbproc raises on purpose."""

    exit_status: int = EXIT_SOME_FAILED


class UserError(DbprocError):
    """Something a person can mend; the message names it, its place and the remedy."""

    exit_status = EXIT_USAGE


class DatabaseError(UserError):
    """The database cannot be reached, does not exist, or is not one of dbproc's."""


class SchemaError(DatabaseError):
    """The database's schema is older or newer than this dbproc."""

    exit_status = EXIT_NEEDS_PERSON


class DatabaseRefusedError(DatabaseError):
    """The database answers and does not do what is asked: a right is missing, a table, or it is damaged."""

    exit_status = EXIT_NEEDS_PERSON


class DefinitionError(UserError):
    """A mission file that cannot be applied; ``problems`` lists every fault with its place."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join((message, *(f"  {problem}" for problem in problems))))
        self.problems = problems


class FormatError(UserError):
    """A filename format or a directory pattern that means nothing."""


class VersionError(UserError):
    """Text or numbers that are not a version."""


class NotFoundError(UserError):
    """A product, process, file or date that is not in the database; the message lists what is near."""


class BusyError(UserError):
    """Another live run holds the mission's lock."""

    exit_status = EXIT_BUSY


class LockError(UserError):
    """The lock is held by a run of which this machine cannot tell whether it is alive."""

    exit_status = EXIT_NEEDS_PERSON


class RootError(UserError):
    """The mission's root is gone, or belongs to another database."""

    exit_status = EXIT_NEEDS_PERSON


class RepairError(UserError):
    """What a dead run left cannot be put right without a person."""

    exit_status = EXIT_NEEDS_PERSON


class StorageError(UserError):
    """A directory that every run needs cannot be written."""

    exit_status = EXIT_NEEDS_PERSON


class LayoutError(UserError):
    """Directories of the mission lie within each other."""

    exit_status = EXIT_NEEDS_PERSON


class UnsettledError(UserError):
    """A file is being changed, or goes away, while it is read; a later try succeeds."""


class TooLargeError(UserError):
    """A client sends more bytes than are taken, or than it told."""


class QuotaError(UserError):
    """Somebody has as many uploads at work, or as many bytes in them, as one may have."""


class HeldError(UserError):
    """Another request is at work at the same upload."""


class EndedError(UserError):
    """An upload that is at its end takes no more bytes."""


class DatabaseLostError(DbprocError):
    """The database went away in the middle; the next run goes on from what was recorded."""


class ConflictError(DbprocError):
    """The database refused to record what contradicts one of its constraints."""


class UnstorableError(DbprocError):
    """A value that the database cannot hold: a number too large for its column, text that cannot be written."""


class UnreadableError(DbprocError):
    """A value in the database that was written past dbproc, and cannot be read as what its column holds."""


class InspectionError(DbprocError):
    """An inspector failed on a file: it raised, hung, died, or returned nonsense."""


class PlacementError(DbprocError):
    """A file cannot be put where it belongs."""


class ForeignFileError(PlacementError):
    """What has the name of a file that was moved is not that file; it is left alone."""


class TransferError(DbprocError):
    """A place or a file in it is not as a transfer needs it; the message has the peer's own words, and no secret.

    `of_target`: it is of where the file goes, not of where it comes from.
    """

    of_target = False

    def __init__(self, message: str = "") -> None:
        super().__init__(without_credentials(message))


class TemporaryError(TransferError):
    """A later try may succeed; `retry_after` is how many seconds the peer asks to wait, None where it says nothing.

    `is_of_place`: it is of the whole place, which cannot be reached, not of this file.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, is_of_place: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.is_of_place = is_of_place


class RoomError(TemporaryError):
    """There is no room: a full disk, a quota, a reserve that must stay free."""


class PermanentError(TransferError):
    """No later try succeeds, unless a person changes something: refused, a changed host key, a path that leads out."""


class GoneError(PermanentError):
    """There is no such file (404, 410)."""


class TakenError(PermanentError):
    """Something has the name that a file was to get."""
