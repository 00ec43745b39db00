"""A mission's definition by names: what a mission file says and what the database holds, in one form.

Directories of the mission are absolute or relative to its root; a product's directory is relative to the root. The
constants ``{MISSION} {SATELLITE} …`` of products are substituted already.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dbproc.core.version import Version

SHIPPED = "dbproc:"
"""Before the name of a code that dbproc brings along, for example ``dbproc:netcdf_to_idx``."""

FIRST_DAY = dt.date(1900, 1, 1)
LAST_DAY = dt.date(2100, 12, 31)
FIRST_VERSION = Version(1, 0, 0)

KeyPath = tuple[str | int, ...]
"""Where something stands in a definition, in the TOML file's words: ``("process", "clean", "code", 0, "file")``."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file: its line, when that is known, and its key as it is written there."""

    line: int | None
    label: str


Finder = Callable[[KeyPath], Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissionSpec:
    """The mission's row. `root` is absolute."""

    name: str
    root: str
    incoming: str = "incoming"
    quarantine: str = "quarantine"
    codes: str = "codes"
    inspectors: str = "inspectors"
    settle_seconds: float = 60.0
    on_code_edit: str = "bump"
    digest: str = "sha256"
    retry_seconds: float = 300.0
    retry_limit: int = 8
    umask: str = "022"
    group: str = ""
    inspector_seconds: float = 60.0
    inspector_memory: float = 2.0
    early_cutoff: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectorSpec:
    """A built-in inspector, or a Python file below the inspectors directory, and what it is given."""

    file: str = "filename"
    arguments: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    version: Version = FIRST_VERSION
    output_interface: int = 1
    written: dt.date | None = None

    @property
    def is_builtin(self) -> bool:
        """Whether dbproc brings it along."""
        return not self.file.endswith(".py")

    @property
    def has_companions(self) -> bool:
        """Whether its files own the directory of their stem unless the definition says otherwise: IDX datasets do."""
        return self.file == "idx"

    def is_raised_from(self, declared: InspectorSpec) -> bool:
        """Whether it is a later revision of what was declared: its bytes changed under that version."""
        mine, other = self.version, declared.version
        is_later = (mine.interface, mine.quality) == (other.interface, other.quality) and mine.revision > other.revision
        return self.file == declared.file and is_later


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductSpec:
    """A kind of file. One that is not `active` is retired: its files stay, no new ones are taken in."""

    name: str
    level: float
    directory: str
    format: str
    satellite: str
    instrument: str
    description: str = ""
    inspector: InspectorSpec = field(default_factory=InspectorSpec)
    comparison: str = "bytes"
    companion: bool = False  #: whether a file owns the directory of its stem beside it
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """An input of a process, by the product's name. Inputs of one `choice` stand for each other, better ones first."""

    product: str
    optional: bool = False
    yesterday: int = 0
    tomorrow: int = 0
    choice: str | None = None  #: the best product of the choice


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSpec:
    """One code of a process. `file` is below the codes directory, absolute, or ``dbproc:NAME``.

    `version` is the version that was declared. What comes from the database has a `code_id` as well, and `running`, the
    version that is used: it is above the declared one when the code's bytes changed under an unchanged version; the
    `digest` of its bytes, and when it was `released`. Of one that is `kept`, the kept copy is run, not the file.
    """

    file: str
    version: Version
    output_interface: int = 1
    arguments: tuple[str, ...] = ()
    start: dt.date = FIRST_DAY
    stop: dt.date = LAST_DAY
    cpu: int = 1
    ram: float = 0.0
    time_limit: float | None = None
    retry_limit: int | None = None
    retry_longest: float | None = None
    on_code_edit: str | None = None
    uses: tuple[str, ...] = ()
    inputs_by: str = "arguments"
    description: str = ""
    written: dt.date | None = None
    active: bool = True
    running: Version | None = field(default=None, compare=False)
    code_id: int | None = field(default=None, compare=False)
    digest: str = field(default="", compare=False)
    kept: bool = field(default=False, compare=False)
    released: dt.datetime | None = field(default=None, compare=False)

    @property
    def used(self) -> Version:
        """The version that is used."""
        return self.running or self.version

    @property
    def is_shipped(self) -> bool:
        """Whether dbproc brings it along."""
        return self.file.startswith(SHIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """Input products → output products, none when the timebase is RUN or STARTUP. One without codes is retired."""

    name: str
    timebase: str
    output: str | None
    inputs: tuple[InputSpec, ...]
    codes: tuple[CodeSpec, ...] = ()
    extra_params: tuple[str, ...] = ()
    further_outputs: tuple[str, ...] = ()
    early_cutoff: bool | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """All that it makes, the first one first."""
        return (*((self.output,) if self.output else ()), *self.further_outputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A mission by names.

    `partial` says that what is absent is left as it is (dbprocessing's INI files); else the definition is the whole.
    `source` names the file that it was read from, and `finder` gives the places in it.
    """

    mission: MissionSpec
    products: Mapping[str, ProductSpec] = field(default_factory=dict)
    processes: Mapping[str, ProcessSpec] = field(default_factory=dict)
    partial: bool = False
    source: str = field(default="the mission file", compare=False)
    finder: Finder | None = field(default=None, compare=False, repr=False)


class Kind(StrEnum):
    """What a change does."""

    ADD = "add"  #: a new row
    CHANGE = "change"  #: a row changed in place
    RELEASE = "release"  #: a new version of a code; the old one is retired, its row stays
    RESTORE = "restore"  #: a product or a code that was retired is used again
    RETIRE = "retire"  #: a product or a code is no longer used; its row stays, and so do its files
    DELETE = "delete"  #: a row that nothing refers to is removed


Spec = MissionSpec | ProductSpec | ProcessSpec | CodeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between the database and a mission file.

    `name` is the name of the mission, product or process; for a code that of its process. `again` is the sentence for
    which the inputs of a process are looked at again, empty when nothing that exists can have become stale.
    """

    kind: Kind
    place: str
    name: str
    old: Spec | None = None
    new: Spec | None = None
    details: tuple[str, ...] = ()
    again: str = ""
    is_rollback: bool = False

    @property
    def enters_row(self) -> bool:
        """Whether what is new has no row yet."""
        return self.kind in (Kind.ADD, Kind.RELEASE)

    @property
    def sentence(self) -> str:
        """The change in words."""
        return f"{self.kind}: {self.place}" + (": " + "; ".join(self.details) if self.details else "")

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What the database holds: its definition, and what of it cannot be removed.

    `files` counts the files of a product, `uses` the attempts and files of a process; `retired` are the codes of a
    process that are no longer current.
    """

    definition: Definition | None = None
    files: Mapping[str, int] = field(default_factory=dict)
    uses: Mapping[str, int] = field(default_factory=dict)
    retired: Mapping[str, tuple[CodeSpec, ...]] = field(default_factory=dict)
