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
