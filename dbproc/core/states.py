"""The states of what the database records, by the words that stand in its rows. Pure."""

from __future__ import annotations

from enum import StrEnum


class AttemptStatus(StrEnum):
    """What an attempt is at."""

    RUNNING = "running"  #: its job has been started, or is about to be
    SUCCEEDED = "succeeded"  #: the job ended well, and its outputs are in the catalogue
    FAILED = "failed"  #: the job, or one of its outputs, was not as it must be
    INTERRUPTED = "interrupted"  #: its run ended before it did
    REFUSED = "refused"  #: decided not to be run; its message says why


class CampaignStatus(StrEnum):
    """What a campaign is at."""

    ACTIVE = "active"  #: runs work at it
    PAUSED = "paused"  #: rests until a person resumes it
    CANCELLED = "cancelled"  #: given up for good by a person
    DONE = "done"  #: none of its items waits


class ItemStatus(StrEnum):
    """What an item of a campaign is at."""

    WAITING = "waiting"  #: no run has come to it yet
    DONE = "done"  #: it was made again
    FAILED = "failed"  #: its job failed, or it cannot be made
    NOT_NEEDED = "not needed"  #: there was nothing to make when a run came to it


class CanaryStatus(StrEnum):
    """What a canary is at."""

    BUILDING = "building"  #: its sample is being built, or was never finished
    BUILT = "built"  #: its sample can be looked at, promoted or discarded
    PROMOTED = "promoted"  #: its code is released
    DISCARDED = "discarded"  #: its sample is removed


class SampleVerdict(StrEnum):
    """How a file of a canary's sample compares with the published one."""

    SAME = "same"  #: the same bytes, or the same contents
    DIFFERS = "differs"  #: other contents
    NEW = "new"  #: nothing is published that it could be compared with
    FAILED = "failed"  #: it could not be made


class Purpose(StrEnum):
    """Why a file is moved."""

    INCOMING = "incoming"  #: a file that arrived goes to its product's directory
    OUTPUT = "output"  #: what a job made goes to its product's directory
    QUARANTINE = "quarantine"  #: a file goes into quarantine, or leaves it
    ASIDE = "aside"  #: a file that is withdrawn, replaced or reaped goes aside, or comes back
    RENAME = "rename"  #: a file gets the name or the directory that its product has now


class Correction(StrEnum):
    """What is done to files that are in the catalogue."""

    WITHDRAW = "withdraw"  #: they are no inputs and not the newest any more
    REPLACE = "replace"  #: other bytes have their names
    REINSPECT = "reinspect"  #: what an inspector says of them is another thing now
    RENAME = "rename"  #: they have other names or directories
    MARK = "mark"  #: a person said how good they are
    REAP = "reap"  #: they are superseded, and their bytes in the trash
    ACCEPT = "accept"  #: other bytes were in their places, and are theirs from then on


class Standing(StrEnum):
    """Whether a file of the catalogue is in its place."""

    IN_PLACE = "in place"  #: it is there, as far as is known
    OFFLOADED = "offloaded"  #: its bytes are in stores alone; it is an input and may be the newest as any other
    LOST = "lost"  #: it is gone from disk
    WITHDRAWN = "withdrawn"  #: a person took it back
    FOLLOWING = "withdrawn with an input"  #: a run took it back, because of what it was made from
    REPLACED = "replaced"  #: another file has its name and its place
    REAPED = "reaped"  #: it was superseded, and is in the trash

    @property
    def exists(self) -> bool:
        """Whether it is an input and may be the newest: its bytes are in its place, or in stores."""
        return self in EXISTING

    @property
    def is_taken_back(self) -> bool:
        """Whether it counts as wrong: it was withdrawn, or other bytes have its name."""
        return self in (Standing.WITHDRAWN, Standing.FOLLOWING, Standing.REPLACED)


EXISTING = frozenset({Standing.IN_PLACE, Standing.OFFLOADED})
"""How files stand that are inputs and may be the newest."""


class Quality(StrEnum):
    """How good a file is, as far as a person said."""

    UNKNOWN = "unknown"  #: nobody has said anything
    OK = "ok"  #: looked at, and good
    IGNORE = "ignore"  #: not to be used, though nothing is known to be wrong
    PROBLEM = "problem"  #: something is wrong with it

    @property
    def is_doubt(self) -> bool:
        """Whether it speaks against using the file."""
        return self in (Quality.IGNORE, Quality.PROBLEM)


class ReplicaState(StrEnum):
    """How a copy of a file in a store is, as far as is known."""

    VERIFIED = "verified"  #: it was read back, and has the file's digest
    UNVERIFIED = "unverified"  #: it is known to be there; nobody has read it back
    MISSING = "missing"  #: it was there, and is not any more
    CORRUPT = "corrupt"  #: it has other bytes


class UploadWay(StrEnum):
    """By which protocol an upload comes."""

    TUS = "tus"  #: tus 1.0
    FORM = "form"  #: one request of a form, multipart/form-data
    CHUNKS = "chunks"  #: numbered chunks, as ScientistCloud has it
    URL = "url"  #: not from the client: it names a URL, and a run fetches what is there


class StageState(StrEnum):
    """What a file of a request for staging is at."""

    WAITING = "waiting"  #: its transfer is not at an end
    PLACED = "placed"  #: it is in the area
    FAILED = "failed"  #: for good; its reason says why
    REMOVED = "removed"  #: it was placed, and taken out again when the request expired


class RefusalReason(StrEnum):
    """Why a file is in quarantine."""

    NO_PRODUCT = "no_product"  #: no product's inspector confirms it
    TWO_PRODUCTS = "two_products"  #: more than one does
    UNREADABLE = "unreadable"  #: it vanished, or cannot be read
    INSPECTOR_FAILED = "inspector_failed"  #: an inspector raised, hung, died or returned nonsense
    NOT_A_FILE = "not_a_file"  #: a fifo, a socket or a device
    DIRECTORY = "directory"  #: a directory that is no file's companion
    BAD_NAME = "bad_name"  #: its name is not UTF-8 or holds control characters
    BAD_PLACE = "bad_place"  #: it belongs where nothing may be put
    PLACE_TAKEN = "place_taken"  #: an unknown file is where it belongs
    SAME_NAME = "same_name"  #: the catalogue has a file of this name with other bytes
    TAKEN_BACK = "taken_back"  #: its bytes are those of a file that was withdrawn, or that it had before others
    SAME_VERSION = "same_version"  #: the catalogue has another file of this version
    DANGLING_LINK = "dangling_link"  #: it links to no file
    LINK_RENAMED = "link_renamed"  #: it links to a file of another name
    LINK_ELSEWHERE = "link_elsewhere"  #: it links to a file outside of its place
    INPUT_MISSING = "input_missing"  #: what is left of a job whose code took an input away
    DEAD_RUN = "dead_run"  #: a dead run had moved it, and its name is taken since
    UNKNOWN_FILE = "unknown_file"  #: it was among the products, and not in the catalogue


class NoticeEvent(StrEnum):
    """What hooks tell people of."""

    FAILED = "failed"  #: a job failed that had not failed before with these inputs and this code, or was refused
    GIVEN_UP = "given up"  #: a job failed so often that it is not tried again by itself
    QUARANTINED = "quarantined"  #: a file was refused
    LATE = "late"  #: a file should have come
    CRASHED = "crashed"  #: a run was found dead, or it ended because a person must act, or by an exception
    SOURCE = "source"  #: something is wrong with a source, or one of its files failed for good
    LONG_LOCK = "long lock"  #: a run holds the lock for longer than a hook allows


class CodeEvent(StrEnum):
    """What happened to a code or an inspector."""

    ADDED = "added"  #: the first code for its dates
    RELEASED = "released"  #: a new version took the place of an earlier one
    ROLLED_BACK = "rolled back"  #: an earlier version was released again, with its bytes
    BUMPED = "bumped"  #: its bytes were edited, and count as the next revision
    ACCEPTED = "accepted"  #: its bytes were edited, and count as the same
    RETIRED = "retired"  #: the mission file no longer has it
    RESTORED = "restored"  #: it was retired, and is used again
    PROMOTED = "promoted"  #: it was released from a canary
