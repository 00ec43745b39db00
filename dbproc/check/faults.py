"""The kinds of faults, a fault, and what can be done about one without a person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be wrong with a mission; each has one `sentence` that says what it means."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> Kind:
        """A member whose `sentence` explains it."""
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.sentence = sentence
        return kind

    MISSING = "missing", "A file of the catalogue is not on disk."
    MOVED = (
        "moved",
        "A file of the catalogue is not in its place; one of its name and size is elsewhere below the root.",
    )
    RETURNED = "returned", "A file that the catalogue holds for missing is on disk, in its place."
    TRUNCATED = "truncated", "A file is shorter than when it was recorded."
    GROWN = "grown", "A file is longer than when it was recorded."
    CHANGED = "changed", "A file has the size, but not the bytes that were recorded (found with --deep)."
    LINK = "link", "Where a file of the catalogue should be is a symbolic link."
    NOT_A_FILE = "not_a_file", "Where a file of the catalogue should be is a directory, a fifo, a socket or a device."
    UNREADABLE = "unreadable", "A file or a directory of the mission cannot be read."
    MEMBER_MISSING = "member_missing", "A file of a companion directory is not on disk."
    MEMBER_SIZE = "member_size", "A file of a companion directory is not of the size that was recorded."
    MEMBER_CHANGED = (
        "member_changed",
        "A file of a companion directory has the size, but not the bytes that were recorded (found with --deep).",
    )
    MEMBER_UNKNOWN = "member_unknown", "In a companion directory is something that was not recorded with its file."
    UNKNOWN_FILE = "unknown_file", "In a directory of products is a file that is not in the catalogue."
    UNFINISHED_COPY = "unfinished_copy", "A hidden, partial copy was left by a run that died between two filesystems."
    KEPT_MISSING = (
        "kept_missing",
        "The bytes of a file that was withdrawn, replaced or reaped are not where they are kept.",
    )
    FEW_COPIES = "few_copies", "Files have fewer verified copies in stores than the mission wants."
    RELEASE_MANIFEST = (
        "release_manifest",
        "The manifest of a release of data is not there, or (found with --deep) not as it was recorded.",
    )
    RELEASE_LOST = "release_lost", "The bytes of a file that a release of data holds are gone."
    IMPLAUSIBLE = (
        "implausible",
        "Dates or times of a file are unlikely by its name, or by other files of its product (found with --plausible).",
    )
    OUTSIDE_ROOT = "outside_root", "A directory of files of the catalogue leads outside of the mission's root."
    WORLD_WRITABLE = "world_writable", "Every user of the machine may change a file or a directory of the mission."

    OPEN_ATTEMPT = "open_attempt", "An attempt of a dead run still counts as running."
    OPEN_PLACEMENT = "open_placement", "A dead run announced a move, and neither recorded it nor undid it."
    WORK_DIRECTORY = "work_directory", "A dead run left the working directory of a job."
    STRAY_LOG = "stray_log", "The log of a job belongs to no attempt."
    STALE_LOCK = "stale_lock", "The run that holds the lock is dead."
    FOREIGN_LOCK = "foreign_lock", "The lock is held by a run of which this machine cannot tell whether it is alive."

    UNREADABLE_VALUE = (
        "unreadable_value",
        "A value in the database is not what its column holds; nothing else is looked at until it is corrected.",
    )
    NO_ATTEMPT = "no_attempt", "A file that was made from others has no attempt that made it."
    NO_CODE = "no_code", "A file that an attempt made has no link to its code."
    NO_INPUTS = "no_inputs", "A file that an attempt made has no links to its inputs."
    OTHER_LINKS = "other_links", "The inputs or the code of a file are not those of the attempt that made it."
    NO_OUTPUT = "no_output", "An attempt succeeded and has no file, although its process makes one."
    LINEAGE_CYCLE = "lineage_cycle", "Files were made from each other in a circle."
    UNDUE = (
        "undue",
        "A file is the newest in its place and would not be made now: what it was made from has other times or keys.",
    )
    STALE = "stale", "A product is not made from the newest inputs by the valid code, is not queued and has not failed."
    QUEUED_IN_VAIN = (
        "queued_in_vain",
        "A queued file is gone, replaced by a newer one, or taken by no process, and nothing is stale because of it.",
    )

    PROCESS_CYCLE = "process_cycle", "Processes need each other's products in a circle."
    TWO_CODES = "two_codes", "Two active codes of a process are valid for the same dates."
    CODE_MISSING = "code_missing", "The file of an active code is not there."
    CODE_NOT_EXECUTABLE = "code_not_executable", "The file of an active code cannot be started."
    CODE_CHANGED = "code_changed", "The bytes of an active code are not those that were recorded for its version."
    INSPECTOR_MISSING = "inspector_missing", "The file of an inspector is not there, or cannot be read."
    INSPECTOR_UNLOADABLE = "inspector_unloadable", "An inspector cannot be loaded."
    FOREIGN_ROOT = "foreign_root", "The root is gone, or bears no mark of this database, or that of another one."
    DIRECTORY_MISSING = "directory_missing", "The mission's root, incoming or quarantine directory is not there."
    DIRECTORY_READ_ONLY = (
        "directory_read_only",
        "Nothing can be written to the mission's root, incoming or quarantine directory.",
    )

    QUARANTINE_LOST = "quarantine_lost", "A file in quarantine is not on disk."
    QUARANTINE_UNKNOWN = "quarantine_unknown", "In the quarantine directory is something without an entry."


# --- what --repair does; each can be undone ---


@dataclass(frozen=True, slots=True)
class Mark:
    """Record whether a file is on disk; `path` is its place."""

    file_id: int
    path: str
    exists: bool

    def __str__(self) -> str:
        if self.exists:
            return f"record that {self.path} is on disk again, after its digest was seen to be right"
        return f"record that {self.path} is missing, and queue what depends on it"


@dataclass(frozen=True, slots=True)
class MoveHome:
    """Move a file back to its place."""

    file_id: int
    source: str
    target: str

    def __str__(self) -> str:
        return f"move {self.source} back to {self.target}, after its digest was seen to be right"


@dataclass(frozen=True, slots=True)
class SetAside:
    """Move a file that is not in the catalogue to quarantine, with its companion directory where it has one."""

    path: str
    has_companion: bool = False

    def __str__(self) -> str:
        return f"move {self.path} to quarantine"


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Queue files, so that what depends on them is decided anew."""

    file_ids: tuple[int, ...]
    reason: str

    def __str__(self) -> str:
        return f"queue {len(self.file_ids)} files: {self.reason}"


@dataclass(frozen=True, slots=True)
class Dequeue:
    """Take a file out of the queue."""

    file_id: int
    filename: str

    def __str__(self) -> str:
        return f"take {self.filename} out of the queue"


@dataclass(frozen=True, slots=True)
class Recover:
    """Do what every run does when it finds what a dead one left."""

    def __str__(self) -> str:
        return "undo the open moves, close the open attempts and remove the working directories of dead runs"


@dataclass(frozen=True, slots=True)
class TakeLock:
    """Take the lock from a dead run, as every run does."""

    def __str__(self) -> str:
        return "take the lock from the dead run"


@dataclass(frozen=True, slots=True)
class WriteManifest:
    """Write the manifest of a release that is not there."""

    release: str

    def __str__(self) -> str:
        return f"write the manifest of the release {self.release}, as it was recorded"


Cure = WriteManifest | Mark | MoveHome | SetAside | Enqueue | Dequeue | Recover | TakeLock


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: what it is, where, what is known of it, and what to do; `cure` is what ``--repair`` does about it."""

    kind: Kind
    place: str
    text: str
    remedy: str
    cure: Cure | None = None
