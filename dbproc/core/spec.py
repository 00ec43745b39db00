"""A mission's definition by names: one form for mission files and the database.

Directories of the mission are absolute or relative to its root; a product's directory is relative to the root. The
constants ``{MISSION} {SATELLITE} …`` of products are already substituted.
"""

from __future__ import annotations

import datetime as dt
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dbproc.core import bounds, text_lists
from dbproc.core.bundle import Bundle
from dbproc.core.durations import SECONDS
from dbproc.core.hooks import HOOKS, Hook
from dbproc.core.keys import (
    CHOICE,
    DATE,
    DURATION,
    FLAG,
    LINES,
    NUMBER,
    TABLES,
    TEXT,
    VERSION,
    WHOLE,
    WORDS,
    Codec,
    Effect,
    key,
    option,
)
from dbproc.core.model import (
    FIRST,
    LAST,
    NO_TIME,
    WHERE_STARTED,
    ArgumentFields,
    Build,
    CodeEditPolicy,
    Comparison,
    InputsBy,
    Keying,
    SameName,
    Validity,
)
from dbproc.core.places import (
    AREAS,
    REPLICATES,
    SOURCES,
    STORES,
    AreaSpec,
    Recorded,
    ReplicateSpec,
    SourceSpec,
    StoreSpec,
)
from dbproc.core.retention import KEEP, keep_fault
from dbproc.core.service import MONITOR, SERVICE, MonitorSpec, ServiceSpec
from dbproc.core.version import Version

DIGESTS = ("sha256", "blake3")
"""The algorithms of digests."""

SHIPPED = "dbproc:"
"""Before the name of a code that dbproc brings along, for example ``dbproc:netcdf_to_idx``."""

BUILT_IN_DIRECTORY = "{DBPROC}"
"""``relative_path`` of built-in inspectors."""

SHIPPED_DIRECTORY = f"{BUILT_IN_DIRECTORY}/codes"
"""``relative_path`` of the codes that dbproc brings along."""

_MOST_NAMES = 20

_FORMER_NAME = key(TEXT, ini="renamed_from", column=None, effect=None)
"""What a mission, a product or a process was called before: said when it is given another name, and not kept."""

FIRST_DAY = dt.date(1900, 1, 1)
LAST_DAY = dt.date(2100, 12, 31)
FIRST_VERSION = Version(1, 0, 0)


def file_named(directory: str, filename: str) -> str:
    """A code or inspector as a mission file names it, from directory and name in its row."""
    if directory == SHIPPED_DIRECTORY:
        return SHIPPED + filename.removesuffix(".py")
    return filename if directory == BUILT_IN_DIRECTORY else posixpath.normpath(posixpath.join(directory, filename))


def with_code_version(file: str, declared: object) -> str:
    """A code's file; ``{CODEVERSION}`` in it becomes the declared version."""
    return file.replace("{CODEVERSION}", str(declared))


def _split(file: str) -> tuple[str, str]:
    directory, name = posixpath.split(file)
    return directory or ".", name


KeyPath = tuple[str | int, ...]
"""Where something stands in a definition, in the TOML file's words: ``("process", "clean", "code", 0, "file")``."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file: the line, when known, and the key as written there.

    In a template `made` is the name of the table, of those that it stands for, that is meant.
    """

    line: int | None
    label: str
    made: str = ""


Finder = Callable[[KeyPath], Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissionSpec:
    """The mission's row. `root` is absolute."""

    name: str = field(metadata=key(TEXT, dbprocessing="mission_name", check=bounds.name, effect=None))
    root: str = field(
        metadata=key(
            TEXT,
            dbprocessing="rootdir",
            check=bounds.directory,
            words="the root",
            remark="files are looked for below it from now on; none is moved",
        )
    )
    incoming: str = option(
        "incoming", key(TEXT, dbprocessing="incoming_dir", check=bounds.directory, words="the incoming directory")
    )
    quarantine: str = option(
        "quarantine", key(TEXT, dbprocessing="errordir", check=bounds.directory, words="the quarantine directory")
    )
    codes: str = option("codes", key(TEXT, dbprocessing="codedir", check=bounds.directory, words="the codes directory"))
    inspectors: str = option(
        "inspectors", key(TEXT, dbprocessing="inspectordir", check=bounds.directory, words="the inspectors directory")
    )
    settle_seconds: float = option(60.0, key(NUMBER, own="settle_seconds", check=bounds.SECONDS))
    on_code_edit: CodeEditPolicy = option(CodeEditPolicy.BUMP, key(TEXT, choices=CodeEditPolicy))
    digest: str = option("sha256", key(TEXT, choices=DIGESTS))
    retry_seconds: float = option(300.0, key(NUMBER, check=bounds.SECONDS))
    retry_limit: int = option(8, key(WHOLE, check=bounds.COUNT))
    umask: str = option("022", key(TEXT, check=bounds.umask))
    group: str = option("", key(TEXT, column="file_group", check=bounds.NAME, codec=text_lists.NULL_IF_EMPTY))
    inspector_seconds: float = option(60.0, key(NUMBER, own="inspector_seconds", check=bounds.SECONDS_OF_A_DAY))
    inspector_memory: float = option(2.0, key(NUMBER, own="inspector_memory", check=bounds.MEMORY))
    early_cutoff: bool = option(False, key(FLAG))
    keep_logs: dt.timedelta | None = option(None, key(DURATION, check=bounds.SOME_TIME, codec=SECONDS))
    notify: tuple[Hook, ...] = option((), key(TABLES, toml=None, words="hook", codec=HOOKS))
    sources: tuple[SourceSpec, ...] = option((), key(TABLES, toml=None, words="source", codec=SOURCES))
    stores: tuple[StoreSpec, ...] = option((), key(TABLES, toml=None, words="store", codec=STORES))
    replicates: tuple[ReplicateSpec, ...] = option((), key(TABLES, toml=None, words="replicate", codec=REPLICATES))
    areas: tuple[AreaSpec, ...] = option((), key(TABLES, toml=None, words="area", codec=AREAS))
    service: tuple[ServiceSpec, ...] = option((), key(TABLES, toml=None, words="table", codec=SERVICE))
    monitor: tuple[MonitorSpec, ...] = option((), key(TABLES, toml=None, words="table", codec=MONITOR))
    same_name: SameName = option(SameName.QUARANTINE, key(TEXT, choices=SameName))
    trash: dt.timedelta = option(
        dt.timedelta(days=30), key(DURATION, column="trash_seconds", check=bounds.TIME, codec=SECONDS)
    )
    path: tuple[str, ...] = option(
        (FIRST,), key(CHOICE, own="path", check=bounds.path_entry, codec=text_lists.WORD_OR_LIST)
    )
    outside: tuple[str, ...] = option(
        (), key(WORDS, own="outside", check=bounds.absolute, codec=text_lists.PATTERNS, words="the places outside")
    )
    run_in: str = option("", key(TEXT, own="run_in", check=bounds.directory, codec=text_lists.NULL_IF_EMPTY))
    argument_fields: ArgumentFields = option(
        ArgumentFields.ALL, key(TEXT, own="argument_fields", choices=ArgumentFields)
    )
    renamed_from: str = field(default="", compare=False, metadata=_FORMER_NAME)


AS_IN_DBPROCESSING: Mapping[str, object] = {
    "settle_seconds": 0.0,
    "inspector_seconds": 3600.0,
    "inspector_memory": 0.0,
    "path": (LAST,),
    "run_in": WHERE_STARTED,
    "argument_fields": ArgumentFields.DBPROCESSING,
}
"""The values of dbproc's own keys with which a mission does what it did with dbprocessing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectorSpec:
    """A built-in inspector, or a Python file below the inspectors directory, with its arguments."""

    file: str = "filename"
    arguments: Mapping[str, str] = field(default_factory=dict)
    description: str = option("", key(LINES, ini="inspector_description"))
    version: Version = option(
        FIRST_VERSION, key(VERSION, ini="inspector_version", column=None, check=bounds.version, effect=None)
    )
    output_interface: int = option(
        1, key(WHOLE, ini="inspector_output_interface", column="output_interface_version", check=bounds.INTERFACE)
    )
    written: dt.date | None = option(None, key(DATE, ini="inspector_date_written", column="date_written"))

    @property
    def is_builtin(self) -> bool:
        """Whether dbproc brings it along."""
        return not self.file.endswith(".py")

    @property
    def place(self) -> tuple[str, str]:
        """The directory and the name in its row."""
        return (BUILT_IN_DIRECTORY, self.file) if self.is_builtin else _split(self.file)

    @property
    def has_companions(self) -> bool:
        """Whether its files own the directory of their stem by default: IDX datasets do."""
        return self.file == "idx"

    def is_other_than(self, old: InspectorSpec) -> bool:
        """Whether its file or version differs from the one before."""
        return self.file != old.file or (self.version != old.version and not old.is_raised_from(self))

    def is_raised_from(self, declared: InspectorSpec) -> bool:
        """Whether it is a later revision of the declared one: its bytes changed under that version."""
        mine, other = self.version, declared.version
        is_later = (mine.interface, mine.quality) == (other.interface, other.quality) and mine.revision > other.revision
        return self.file == declared.file and is_later


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductSpec:
    """A kind of file. When not `active` it is retired: its files stay, no new ones are accepted."""

    name: str = field(metadata=key(TEXT, toml=None, dbprocessing="product_name", effect=None))
    level: float = field(
        metadata=key(NUMBER, ini="level", check=bounds.LEVEL, remark="files that exist keep their data level")
    )
    directory: str = field(metadata=key(TEXT, dbprocessing="relative_path", check=bounds.PATH))
    format: str = field(metadata=key(TEXT, ini="format", check=bounds.FORMAT))
    satellite: str = field(metadata=key(TEXT, toml=None, column=None))
    instrument: str = field(metadata=key(TEXT, toml=None, column=None))
    description: str = option("", key(LINES, dbprocessing="product_description"))
    inspector: InspectorSpec = field(default_factory=InspectorSpec)
    comparison: Comparison = option(Comparison.BYTES, key(TEXT, choices=Comparison))
    companion: bool = option(False, key(FLAG))  #: whether a file owns the directory of its stem
    covers: dt.timedelta | None = option(
        None,
        key(DURATION, check=bounds.SOME_TIME, codec=SECONDS, remark="those of files that exist: dbproc reinspect"),
    )
    expect: str = option("", key(TEXT, check=bounds.NAME, codec=text_lists.NULL_IF_EMPTY, effect=Effect.LOOK_AGAIN))
    keys: tuple[str, ...] = option(
        (),
        key(
            WORDS,
            column="expect_keys",
            check=bounds.WORD,
            codec=text_lists.PATTERNS,
            effect=Effect.LOOK_AGAIN,
            words="the expected keys",
        ),
    )
    expect_from: dt.date | None = option(None, key(DATE, toml="from", effect=Effect.LOOK_AGAIN))
    expect_to: dt.date | None = option(None, key(DATE, toml="to", effect=Effect.LOOK_AGAIN))
    late_after: dt.timedelta | None = option(None, key(DURATION, check=bounds.TIME, codec=SECONDS))
    quality_of: str = option("", key(TEXT, check=bounds.NAME, codec=text_lists.NULL_IF_EMPTY))
    keep: str = option("all", key(TEXT, column="keep_versions", check=keep_fault, codec=KEEP, words="what is kept"))
    renamed_from: str = field(default="", compare=False, metadata=_FORMER_NAME)
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """An input of a process, by the product's name. Inputs of one `choice` replace each other, best first."""

    product: str
    optional: bool = option(False, key(FLAG))
    yesterday: int = option(0, key(WHOLE, check=bounds.DAYS))
    tomorrow: int = option(0, key(WHOLE, check=bounds.DAYS))
    before: dt.timedelta = option(NO_TIME, key(DURATION, column="before_seconds", check=bounds.TIME, codec=SECONDS))
    after: dt.timedelta = option(NO_TIME, key(DURATION, column="after_seconds", check=bounds.TIME, codec=SECONDS))
    valid: Validity | None = option(None, key(TEXT, choices=Validity))
    max_age: dt.timedelta | None = option(
        None, key(DURATION, column="max_age_seconds", check=bounds.SOME_TIME, codec=SECONDS)
    )
    quality: tuple[str, ...] = option((), key(WORDS, check=bounds.quality, codec=text_lists.PATTERNS))
    choice: str | None = None  #: the best product of the choice


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSpec:
    """One code of a process. `file` is below the codes directory, absolute, or ``dbproc:NAME``.

    `version` is the declared version. A code from the database also has a `code_id`; `running`, the version used, above
    the declared one when the bytes changed under an unchanged version; the `digest` of its bytes; and the time when it
    was `released`. Of a `kept` one the kept copy is run, not the file.
    """

    file: str = field(metadata=key(TEXT, ini="code_filename", column=None, check=bounds.PATH, effect=Effect.RELEASE))
    version: Version = field(
        metadata=key(
            VERSION,
            ini="code_version",
            column="declared_version",
            check=bounds.version,
            effect=None,
            codec=Codec(str, Version.parse),
        )
    )
    output_interface: int = option(
        1,
        key(
            WHOLE,
            ini="code_output_interface",
            column="output_interface_version",
            check=bounds.INTERFACE,
            effect=Effect.RELEASE,
        ),
    )
    arguments: tuple[str, ...] = option(
        (),
        key(
            WORDS,
            ini="code_arguments",
            check=bounds.WORD,
            effect=Effect.RELEASE,
            codec=text_lists.ARGUMENTS,
            words="the arguments",
        ),
    )
    start: dt.date = option(FIRST_DAY, key(DATE, toml="from", dbprocessing="code_start_date", effect=Effect.LOOK_AGAIN))
    stop: dt.date = option(LAST_DAY, key(DATE, toml="to", dbprocessing="code_stop_date", effect=Effect.LOOK_AGAIN))
    cpu: int = option(1, key(WHOLE, ini="code_cpu", check=bounds.FROM_ONE))
    ram: float = option(0.0, key(NUMBER, ini="code_ram", check=bounds.MEMORY))
    time_limit: float | None = option(
        None, key(NUMBER, toml="time_limit_seconds", column="time_limit_seconds", check=bounds.SOME_SECONDS)
    )
    retry_limit: int | None = option(None, key(WHOLE, check=bounds.COUNT))
    retry_longest: float | None = option(
        None, key(NUMBER, toml="retry_longest_seconds", column="retry_longest_seconds", check=bounds.SECONDS)
    )
    on_code_edit: CodeEditPolicy | None = option(None, key(TEXT, choices=CodeEditPolicy))
    uses: tuple[str, ...] = option((), key(WORDS, check=bounds.PATH, effect=Effect.BYTES, codec=text_lists.PATTERNS))
    inputs_by: InputsBy = option(InputsBy.ARGUMENTS, key(TEXT, choices=InputsBy, effect=Effect.RELEASE))
    description: str = option("", key(LINES, dbprocessing="code_description"))
    written: dt.date | None = option(None, key(DATE, ini="code_date_written", column="date_written"))
    active: bool = option(True, key(FLAG, ini="code_active", column="active_code", effect=Effect.LOOK_AGAIN))
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

    @property
    def place(self) -> tuple[str, str]:
        """The directory and the name in its row."""
        return (SHIPPED_DIRECTORY, f"{self.file.removeprefix(SHIPPED)}.py") if self.is_shipped else _split(self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """Input products → output products, none when the timebase is RUN or STARTUP. Without codes it is retired."""

    name: str = field(metadata=key(TEXT, toml=None, dbprocessing="process_name", effect=None))
    timebase: str = field(
        metadata=key(
            TEXT,
            dbprocessing="output_timebase",
            effect=Effect.LOOK_AGAIN,
            remark="what was made for the former periods stays, and is an input beside the new",
        )
    )
    output: str | None = field(
        metadata=key(TEXT, toml=None, ini="output_product", column=None, effect=Effect.LOOK_AGAIN)
    )
    further_outputs: tuple[str, ...] = option((), key(WORDS, toml=None, column=None, effect=Effect.LOOK_AGAIN))
    inputs: tuple[InputSpec, ...]
    codes: tuple[CodeSpec, ...] = ()
    extra_params: tuple[str, ...] = option(
        (), key(WORDS, ini="extra_params", check=bounds.WORD, effect=Effect.LOOK_AGAIN, codec=text_lists.PARAMETERS)
    )
    early_cutoff: bool | None = option(None, key(FLAG))
    keywords: Keying = option(Keying.EACH, key(TEXT, choices=Keying, effect=Effect.LOOK_AGAIN))
    build: Build = option(Build.AT_ONCE, key(TEXT, choices=Build, effect=Effect.LOOK_AGAIN))
    wait: dt.timedelta | None = option(
        None,
        key(DURATION, column="wait_seconds", check=bounds.TIME, codec=SECONDS, effect=Effect.LOOK_AGAIN),
    )
    run_in: str | None = option(None, key(TEXT, check=bounds.directory))
    renamed_from: str = field(default="", compare=False, metadata=_FORMER_NAME)

    @property
    def outputs(self) -> tuple[str, ...]:
        """All outputs, the first one first."""
        return (*((self.output,) if self.output else ()), *self.further_outputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A table of a mission file that stands for several: its kind and its name, and the names of these."""

    kind: str
    name: str
    names: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What it stands for, in words."""
        cut = len(self.names) > _MOST_NAMES
        more = f", … ({len(self.names)} in all)" if cut else ""
        return f"{self.kind} {self.name} expands to {', '.join(self.names[:_MOST_NAMES])}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A mission by names.

    `partial`: absent things stay as they are (dbprocessing's INI files); otherwise they are removed. `unsaid` are those
    of dbproc's own keys of the mission that such a file does not have.
    `source` is the file that it was read from, `finder` gives the places in it, `templates` are the templates in it.
    """

    mission: MissionSpec
    products: Mapping[str, ProductSpec] = field(default_factory=dict)
    processes: Mapping[str, ProcessSpec] = field(default_factory=dict)
    partial: bool = False
    unsaid: frozenset[str] = frozenset()
    source: str = field(default="the mission file", compare=False)
    finder: Finder | None = field(default=None, compare=False, repr=False)
    templates: tuple[Template, ...] = field(default=(), compare=False, repr=False)


class Kind(StrEnum):
    """The kind of a change."""

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

    `name` is the name of the mission, product or process; for a code that of its process. `again` is the reason to look
    at the inputs of a process again, empty when no existing file can have become stale. `bundle` holds the bytes of a
    new code or inspector, if readable; those of codes are already kept.
    """

    kind: Kind
    place: str
    name: str
    old: Spec | None = None
    new: Spec | None = None
    details: tuple[str, ...] = ()
    again: str = ""
    is_rollback: bool = False
    bundle: Bundle | None = field(default=None, compare=False, repr=False)

    @property
    def has_new_bytes(self) -> bool:
        """Whether the bytes of a code or inspector must be recorded with it."""
        match self.old, self.new:
            case CodeSpec() as old, CodeSpec() as new:
                return self.kind is Kind.RELEASE or old.uses != new.uses
            case ProductSpec() as old, ProductSpec() as new:
                return new.inspector.is_other_than(old.inspector)
        return isinstance(self.new, CodeSpec | ProductSpec)

    @property
    def enters_row(self) -> bool:
        """Whether it needs a new row."""
        return self.kind in (Kind.ADD, Kind.RELEASE)

    @property
    def sentence(self) -> str:
        """The change in words."""
        return f"{self.kind}: {self.place}" + (": " + "; ".join(self.details) if self.details else "")

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """The database's definition, and what of it cannot be removed.

    `files` counts the files of a product, `uses` the attempts and files of a process; `retired` are the former codes of
    a process; `places` is what is recorded of sources, stores and areas.
    """

    definition: Definition | None = None
    files: Mapping[str, int] = field(default_factory=dict)
    uses: Mapping[str, int] = field(default_factory=dict)
    retired: Mapping[str, tuple[CodeSpec, ...]] = field(default_factory=dict)
    places: Recorded = field(default_factory=Recorded)

    def calls_for_the_same(self, other: Holdings) -> bool:
        """Whether a definition needs the same changes against both.

        Beyond equality, digests and running versions of codes count. The number of a product's files does not, only
        whether there are any.
        """
        return _whole(self) == _whole(other)


def _whole(held: Holdings) -> tuple[object, ...]:
    return repr(held.definition), repr(held.retired), set(held.files), set(held.uses), held.places.essence
