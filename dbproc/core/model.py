"""The frozen facts that rooms exchange: a mission by numbers, tasks, jobs.

Numbers that end in ``_id`` are primary keys of the database. Dates are UTC calendar days; times are aware UTC; stop
times are inclusive.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from dbproc.core.filenames import Format, NameFacts, compile_format
from dbproc.core.hooks import Hook
from dbproc.core.places import AreaSpec, ReplicateSpec, SourceSpec, StoreSpec
from dbproc.core.service import MonitorSpec, ServiceSpec
from dbproc.core.states import Purpose, Quality, Standing
from dbproc.core.version import Part, Version

KEPT_CODES = ".dbproc/codes"
"""Below the root: the directory that keeps the bytes of every version of every code."""

LONGEST_DELAY = 24 * 3600.0
"""Seconds; no job that failed waits longer, unless its code says so."""


NO_TIME = dt.timedelta()


Extra = str | float | bool | dt.datetime
"""What an inspector says of a file besides its facts."""


class Period(NamedTuple):
    """A time interval in UTC; both ends are part of it."""

    start: dt.datetime
    stop: dt.datetime

    @property
    def days(self) -> tuple[dt.date, dt.date]:
        """The first and the last day that it touches."""
        return self.start.date(), self.stop.date()

    def overlaps(self, start: dt.datetime, stop: dt.datetime) -> bool:
        """Whether it has a moment in common with another one."""
        return start <= self.stop and stop >= self.start


class Timebase(StrEnum):
    """What one output of a process stands for."""

    FILE = "FILE"  #: one output per date and set of keywords
    PART = "PART"  #: one output per whole part of a UTC day: ``HOURLY``, ``"15 min"``
    DAILY = "DAILY"  #: one output per UTC day
    WEEKLY = "WEEKLY"  #: one output per ISO week, dated on its Monday
    MONTHLY = "MONTHLY"  #: one output per month, dated on its first day
    YEARLY = "YEARLY"  #: one output per year, dated on its first day
    PER = "PER"  #: one output per file of a driving product: ``"per orbit"``
    RUN = "RUN"  #: no output: the code is run for its effect
    STARTUP = "STARTUP"  #: no output: the code is run once at the beginning of every run

    @property
    def by_time(self) -> bool:
        """Whether inputs are chosen by the time that they cover, not by their date."""
        return self not in (Timebase.FILE, Timebase.RUN, Timebase.STARTUP)

    @property
    def is_grid(self) -> bool:
        """Whether its periods follow each other without a gap, whatever files there are."""
        return self.by_time and self is not Timebase.PER

    @property
    def makes_output(self) -> bool:
        """Whether its processes make products."""
        return self not in (Timebase.RUN, Timebase.STARTUP)


class Keying(StrEnum):
    """What the keywords of an output's format do."""

    EACH = "each"  #: one output for each set of their values: inputs are matched on them
    MERGED = "merged"  #: there are no keys: the output takes the values of its inputs, of several the last
    INSPECTOR = "inspector"  #: as in dbprocessing: so for its name, and it has the keywords that its inspector gives

    @property
    def is_merged(self) -> bool:
        """Whether there are no keys."""
        return self is not Keying.EACH


class Validity(StrEnum):
    """How an input is chosen that holds for longer than its own time."""

    LATEST = "latest"  #: the newest one whose start is not after the period's
    COVERS = "covers"  #: those whose own time holds the whole period


class Build(StrEnum):
    """When an output is made."""

    AT_ONCE = "at once"  #: as soon as it is due
    WHEN_OVER = "when over"  #: when its period has ended, and the process's wait has passed
    WHEN_COMPLETE = "when complete"  #: when everything expected of its inputs is there, or the wait has passed


class Comparison(StrEnum):
    """How two versions of a file of a product are held against each other."""

    BYTES = "bytes"  #: every byte, companion directories included
    NETCDF = (
        "netcdf"  #: dimensions, variables with their values and attributes; not the global attributes that tell when
    )
    HDF5 = "hdf5"  #: likewise groups, datasets and attributes


class CodeEditPolicy(StrEnum):
    """What a run does when a code's bytes changed under an unchanged version."""

    BUMP = "bump"  #: enter a new revision of the code and rebuild what it made
    REFUSE = "refuse"  #: do not run that code until its version is raised
    ACCEPT = "accept"  #: record the new digest and go on


class SameName(StrEnum):
    """What is done with other bytes that are delivered under the name of a file."""

    QUARANTINE = "quarantine"  #: they go to quarantine, where a person decides
    REPLACE = "replace"  #: they take the place of the former ones, which are kept


class ArgumentFields(StrEnum):
    """Which fields are replaced in the arguments of codes."""

    ALL = "all"  #: all that are known
    DBPROCESSING = "dbprocessing"  #: those that dbprocessing knows; the others are handed over as they are


FIRST, LAST = "first", "last"
"""Where the directory of dbproc's own Python stands in the path of codes."""

WHERE_STARTED = "{CWD}"
"""``run_in``: the directory in which the run was started."""


class InputsBy(StrEnum):
    """How a code is given its inputs."""

    ARGUMENTS = "arguments"  #: each is a word of its command line
    FILE = "file"  #: one word names a file, in which each is a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Mission:
    """One database, one root directory, one incoming directory; all paths are absolute."""

    mission_id: int
    name: str
    root: str
    incoming: str
    quarantine: str
    code_directory: str
    inspector_directory: str
    settle_seconds: float
    on_code_edit: CodeEditPolicy
    digest: str
    retry_seconds: float
    retry_limit: int
    umask: int = 0o022
    group: str | None = None  #: of all files; None: that of the user who makes them
    inspector_seconds: float = 60.0  #: how long an inspector may take for one file
    inspector_memory: float = 2.0  #: GiB that a process of inspectors may take; 0: no limit
    early_cutoff: bool = False  #: whether what comes from a rebuilt file with the same contents is left as it is
    keep_logs: dt.timedelta | None = None  #: how long logs of jobs that succeeded are kept; None: they are not
    notify: tuple[Hook, ...] = ()  #: what tells people of events
    sources: tuple[SourceSpec, ...] = ()  #: from where files are fetched
    stores: tuple[StoreSpec, ...] = ()  #: where copies of files are kept
    replicates: tuple[ReplicateSpec, ...] = ()  #: which products have copies where
    areas: tuple[AreaSpec, ...] = ()  #: directory trees for users
    service: ServiceSpec = field(default_factory=ServiceSpec)  #: what ``dbproc serve`` is to know
    monitor: MonitorSpec = field(default_factory=MonitorSpec)  #: who watches over the runs
    identity: str = ""  #: of its database; it stands in the mark of the root
    root_marked: bool = False  #: whether the root has borne that mark
    same_name: SameName = SameName.QUARANTINE
    trash: dt.timedelta = dt.timedelta(days=30)  #: how long what was reaped can be restored
    path: tuple[str, ...] = (FIRST,)  #: where dbproc's own Python stands in the path of codes, or what goes first
    outside: tuple[str, ...] = ()  #: the places to which directories of products may be linked
    run_in: str = ""  #: the directory in which codes run; nothing: a fresh one each
    argument_fields: ArgumentFields = ArgumentFields.ALL

    @property
    def kept_codes(self) -> str:
        """The directory that keeps the bytes of every version of every code."""
        return f"{self.root}/{KEPT_CODES}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspector:
    """What confirms that a file is of its product.

    `name` is a built-in inspector (``filename``, ``netcdf``, …) or the absolute path of a Python file.
    """

    inspector_id: int
    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""  #: of the Python file
    stat: str = ""  #: size, time and inode of its file when the digest was taken

    @property
    def is_builtin(self) -> bool:
        """Whether the inspector is one of dbproc's own."""
        return not self.name.endswith(".py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A kind of file."""

    product_id: int
    name: str
    level: float
    directory: str
    format: str
    instrument: str
    satellite: str
    mission: str
    inspector: Inspector
    description: str = ""
    instrument_id: int = 0
    satellite_id: int = 0
    comparison: Comparison = Comparison.BYTES
    companion: bool = False  #: whether a file owns the directory of its stem beside it
    covers: dt.timedelta | None = None  #: how long the time of a file is that its name begins
    expect: str = ""  #: how often a file of each key comes, as a timebase; nothing: nobody knows
    keys: tuple[str, ...] = ()  #: the keys of which files are expected; none: those seen
    expect_from: dt.date | None = None  #: the first day of which files are expected; None: that of the first file
    expect_to: dt.date | None = None  #: the last day of which files are expected
    late_after: dt.timedelta | None = None  #: so long after its period a file that is not there is late
    quality_of: str = ""  #: the name of the product of whose files its files say how good they are

    @property
    def compiled(self) -> Format:
        """The compiled filename format."""
        return compile_format(self.format)

    def read(self, filename: str) -> NameFacts | None:
        """What a filename says about a file of this product; None when it is not of its format."""
        name = self.compiled.match(filename)
        return None if name is None else name.lasting(self.covers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input product of a process, its window widened by whole days or by durations. Of the inputs with one
    `choice`, the best product of it, the first is used of which there are files. With `valid`, its files hold for
    longer than their own time; of the latest one, `max_age` bounds how long. With `quality`, its files are marked with
    one of these."""

    product_id: int
    optional: bool = False
    yesterday: int = 0
    tomorrow: int = 0
    before: dt.timedelta = NO_TIME
    after: dt.timedelta = NO_TIME
    valid: Validity | None = None
    max_age: dt.timedelta | None = None
    quality: tuple[str, ...] = ()
    choice: int | None = None

    def takes(self, quality: Quality) -> bool:
        """Whether a file that is so marked may be used."""
        return not self.quality or quality in self.quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Input products → output products, none for timebases RUN and STARTUP.

    `key_fields` are the keywords whose values tell its outputs of one period apart; `step` is the length of a period of
    timebase PART, `driver` the product of whose files each is a period of timebase PER.
    """

    process_id: int
    name: str
    timebase: Timebase
    outputs: tuple[int, ...]
    inputs: tuple[Input, ...]
    extra_params: tuple[str, ...] = ()
    early_cutoff: bool = False
    step: dt.timedelta = NO_TIME
    driver: int | None = None
    keywords: Keying = Keying.EACH
    key_fields: frozenset[str] = frozenset()
    build: Build = Build.AT_ONCE
    wait: dt.timedelta | None = None
    run_in: str = ""  #: the directory in which its codes run; nothing: a fresh one each

    @property
    def output_product(self) -> int | None:
        """The first of its outputs."""
        return self.outputs[0] if self.outputs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An executable that carries out a process, valid for a range of dates."""

    code_id: int
    process_id: int
    path: str
    version: Version
    output_interface: int
    start: dt.date
    stop: dt.date
    digest: str
    stat: str = ""  #: size, time and inode of its file when the digest was taken
    arguments: tuple[str, ...] = ()
    cpu: int = 1
    ram: float = 0.0
    time_limit: float | None = None
    retry_limit: int | None = None  #: failures in a row that end the trying; None: the mission's
    retry_longest: float = LONGEST_DELAY  #: seconds; no delay is longer
    uses: tuple[str, ...] = ()  #: patterns of the files that it uses, relative to its directory
    inputs_by: InputsBy = InputsBy.ARGUMENTS
    on_code_edit: CodeEditPolicy = CodeEditPolicy.BUMP
    same_as: int = 0  #: the first row that is the same code, for other dates or before a rollback; 0: this is the first

    def is_same(self, code_id: int) -> bool:
        """Whether the row of this number is the same code: version, bytes and arguments."""
        return code_id in (self.code_id, self.same_as)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The mission as the database defines it, active codes only."""

    mission: Mission
    products: Mapping[int, Product]
    processes: Mapping[int, Process]
    codes: Mapping[int, tuple[Code, ...]]  #: by process, active codes


@dataclass(frozen=True, slots=True)
class File:
    """A file that the catalogue knows, as far as the planner needs it."""

    file_id: int
    product_id: int
    filename: str
    date: dt.date
    start: dt.datetime
    stop: dt.datetime
    version: Version
    keywords: str
    directory: str
    same_as: int = 0  #: the oldest of the earlier versions with the same contents, 0: there is none
    standing: Standing = Standing.IN_PLACE
    quality: Quality = Quality.UNKNOWN

    @property
    def period(self) -> Period:
        """The time that it is of."""
        return Period(self.start, self.stop)

    @property
    def identity(self) -> tuple[int, dt.date, str]:
        """The same for the versions of one file: its product, date and keywords."""
        return self.product_id, self.date, self.keywords

    @property
    def content(self) -> int:
        """The same number for files of the same contents."""
        return self.same_as or self.file_id


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """Where an output belongs: the process, its date, and its keywords: see :mod:`dbproc.core.slots`."""

    process_id: int
    date: dt.date
    keywords: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence why a task is due, and the part of the version that it raises (None: nothing existed before)."""

    text: str
    part: Part | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An output that a task is to make; `replaces` is the newest version that there is.

    `is_as_before`: made from the same files by the same code as the one that it replaces, which is gone from disk.
    """

    product_id: int
    name: str
    version: Version
    replaces: File | None = None
    is_as_before: bool = False

    @property
    def again(self) -> File | None:
        """The file that is gone from disk and comes back under its name, where a product has one version alone."""
        return self.replaces if self.replaces is not None and self.replaces.filename == self.name else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One execution of a code that has been decided."""

    slot: Slot
    process: Process
    code: Code
    inputs: tuple[File, ...]
    reasons: tuple[Reason, ...]
    why: str  #: the reasons in few words
    outputs: tuple[Planned, ...]
    level: float
    period: Period
    failures: int = 0  #: how often it failed before with the same inputs and code
    campaign_id: int | None = None  #: the campaign that asked for it, or for what it is made from
    carries_out: tuple[int, ...] = ()  #: the campaigns of which it is an item

    @property
    def input_ids(self) -> frozenset[int]:
        """The numbers of its inputs."""
        return frozenset(file.file_id for file in self.inputs)

    @property
    def output_name(self) -> str | None:
        """The name of its first output."""
        return self.outputs[0].name if self.outputs else None

    @property
    def output_version(self) -> Version | None:
        """The version of its first output."""
        return self.outputs[0].version if self.outputs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What an inspector says of a file that it confirms."""

    date: dt.date
    start: dt.datetime
    stop: dt.datetime
    version: Version | None
    keywords: str = ""
    extra: Mapping[str, Extra] = field(default_factory=dict)  #: quality_comment, caveats, …: columns of the file table


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One product's answer for one file: confirmed with facts, or the reason why not."""

    product_id: int
    facts: FileFacts | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a companion directory: its path inside it, size in bytes and digest."""

    path: str
    size: int
    digest: str
    state: str = field(default="", compare=False)  #: what the system said of it when its digest was taken


@dataclass(frozen=True, slots=True)
class Move:
    """A file about to be moved, with those files of its companion directory that are `members`, and no others.

    `source` and `target` are absolute. `digest` is of the bytes that are
    to be moved, `state` what the system said of them when it was taken; nothing where they were not read.
    """

    purpose: Purpose
    source: str
    target: str
    digest: str = ""
    members: tuple[Member, ...] = ()
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file to enter into the catalogue; `directory` is relative to the mission's root."""

    filename: str
    product_id: int
    facts: FileFacts
    version: Version
    level: float
    directory: str
    size: int | None  #: None: nobody has told, of a file that is in stores alone
    digest: str
    created: dt.datetime
    arrived: dt.datetime | None = None  #: when it came into incoming
    run_id: int | None = None  #: the run that takes it in or made it
    members: tuple[Member, ...] = ()
    state: str = ""  #: what the system said of it, at its place, when its digest was taken
    provenance: str | None = None
    same_as: int | None = None  #: the oldest of the earlier versions with the same contents
    again: int | None = None  #: the number of the same file, which is gone from disk: it is in its place
    is_other: bool = False  #: made again with other contents than it had
    replaces: int | None = None  #: the number of the file whose name and place it takes over


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
    """A file of the catalogue, as far as one that arrives is compared with it."""

    file_id: int
    filename: str
    directory: str
    size: int | None
    digest: str
    exists: bool
    members: tuple[Member, ...] = ()
    state: str = ""  #: what the system said of it when its digest was taken
    standing: Standing = Standing.IN_PLACE
    is_made: bool = False  #: a process made it
    correction_id: int | None = None  #: what took it out of its place
    is_deleted: bool = False  #: its bytes were deleted
    is_offloaded: bool = False  #: its bytes are in stores alone


class Ending(StrEnum):
    """How an execution of a code ended."""

    SUCCEEDED = "succeeded"  #: exit status 0; whether its output is good is decided when it is registered
    FAILED = "failed"  #: exit status not 0, killed by a signal, could not be started
    TIMED_OUT = "timed out"  #: ran longer than its code's time limit and was ended
    INTERRUPTED = "interrupted"  #: ended because the run ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A task as an engine sees it."""

    attempt_id: int
    command: tuple[str, ...]
    directory: str  #: a directory to be made, for what it writes
    log: str
    cpu: int = 1
    ram: float = 0.0  #: GiB
    time_limit: float | None = None  #: seconds
    run_in: str = ""  #: the directory in which the command runs; nothing: its own
    path: tuple[str, ...] = (FIRST,)  #: as of the mission
    listed: tuple[str, ...] | None = None  #: what stands in the list of its inputs; None: it is given none


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of executing a job."""

    job: Job
    ending: Ending
    message: str
    exit_status: int | None
    started: dt.datetime
    ended: dt.datetime
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
