"""The scalar keys of a definition: their form in files and in the database, and their bounds.

The fields of :mod:`dbproc.core.spec` carry them as metadata; all code that reads, writes, checks or compares a
definition goes through :func:`keys`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from enum import Enum, auto
from typing import Any, TypeVar

Value = TypeVar("Value")

_METADATA = "key"


class Form(Enum):
    """The kind of a key's value."""

    TEXT = auto()
    LINES = auto()  #: text that may have several lines
    NUMBER = auto()
    WHOLE = auto()
    FLAG = auto()
    DATE = auto()
    VERSION = auto()
    DURATION = auto()  #: a length of time, ``"90 min"``
    WORDS = auto()  #: a list of texts
    CHOICE = auto()  #: a text, or a list of texts; kept as a list
    TABLES = auto()  #: tables of their own


TEXT, LINES, NUMBER, WHOLE, FLAG, DATE, VERSION, DURATION, WORDS, CHOICE, TABLES = Form


class Effect(Enum):
    """The effect of a changed key on existing files."""

    IN_PLACE = auto()  #: nothing
    LOOK_AGAIN = auto()  #: what was made may be stale
    BYTES = auto()  #: a code has other files, which are recorded under its version
    RELEASE = auto()  #: a code makes something else: its version must be raised


@dataclass(frozen=True, slots=True)
class Codec:
    """Conversion of a value to its column, and back."""

    to_column: Callable[[Any], object] = lambda value: value
    from_column: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One scalar key. `ini` is its name in dbprocessing's files; with a None name it is read or written by other code.

    `own`: dbprocessing does not know it; where its file leaves it out, the value stays as it is.
    `check` gives the fault of a value (of a list: of one item); a key with `effect` None is compared by other code.
    `words` is its name in messages, `remark` their addition. `secret`: what stands there by mistake may be a
    credential, and no message shows it. A null in the column means the default.
    """

    form: Form
    toml: str | None
    ini: str | None
    own: bool
    column: str | None
    choices: tuple[str, ...]
    check: Callable[[Any], str | None] | None
    effect: Effect | None
    codec: Codec
    words: str
    remark: str
    secret: bool
    name: str
    default: object

    @property
    def is_required(self) -> bool:
        """Whether it must be given: there is no default."""
        return self.default is MISSING

    @property
    def label(self) -> str:
        """Its name in messages about a mission file."""
        return self.toml or self.name

    def in_column(self, value: Any) -> object:
        """A value as its column holds it."""
        return None if value is None else self.codec.to_column(value)

    def of_column(self, stored: Any) -> Any:
        """A value that is not null in its column."""
        return self.chosen(stored) if self.choices else self.codec.from_column(stored)

    def chosen(self, word: str) -> str | None:
        """The choice with this spelling."""
        return next((choice for choice in self.choices if choice == word), None)


_AS_FIELD = ""


def key(
    form: Form,
    *,
    toml: str | None = _AS_FIELD,
    ini: str | None = None,
    own: str | None = None,
    column: str | None = _AS_FIELD,
    dbprocessing: str | None = None,
    choices: Iterable[str] = (),
    check: Callable[[Any], str | None] | None = None,
    effect: Effect | None = Effect.IN_PLACE,
    codec: Codec | None = None,
    words: str = "",
    remark: str = "",
    secret: bool = False,
) -> Mapping[str, Key]:
    """The metadata of a field that is a scalar key.

    Its names default to the field's; `dbprocessing` sets `ini` and `column` at once. `own` is its name in
    dbprocessing's files where only dbproc knows it.
    """
    return {
        _METADATA: Key(
            form=form,
            toml=toml,
            ini=ini or own or dbprocessing,
            own=own is not None,
            column=dbprocessing or column,
            choices=tuple(choices),
            check=check,
            effect=effect,
            codec=codec or Codec(),
            words=words,
            remark=remark,
            secret=secret,
            name="",
            default=MISSING,
        )
    }


def option(default: Value, metadata: Mapping[str, Key]) -> Value:
    """The field of an optional scalar key."""
    made: Value = field(default=default, metadata=metadata)
    return made


def keys(kind: type[Any]) -> tuple[Key, ...]:
    """The scalar keys of a dataclass, in the order of its fields."""
    if kind not in _known:
        _known[kind] = _declared(kind)
    return _known[kind]


_known: dict[type[Any], tuple[Key, ...]] = {}


def _declared(kind: type[Any]) -> tuple[Key, ...]:
    return tuple(
        replace(
            declared,
            name=each.name,
            toml=each.name if declared.toml == _AS_FIELD else declared.toml,
            column=each.name if declared.column == _AS_FIELD else declared.column,
            words=declared.words or declared.toml or each.name,
            default=each.default,
        )
        for each in fields(kind)
        if (declared := each.metadata.get(_METADATA)) is not None
    )


def column_values(spec: Any, *effects: Effect | None) -> dict[str, object]:
    """The column values of a specification's row: all, or those of keys with one of these effects."""
    return {
        each.column: each.in_column(getattr(spec, each.name))
        for each in keys(type(spec))
        if each.column is not None and (not effects or each.effect in effects)
    }


def from_columns(kind: type[Any], row: Any) -> dict[str, Any]:
    """The fields of a specification from its row; nulls keep the default."""
    return {
        each.name: each.of_column(value)
        for each in keys(kind)
        if each.column is not None and (value := getattr(row, each.column)) is not None
    }


def alike(spec: Any, kind: type[Any]) -> dict[str, Any]:
    """The scalar keys of a specification that are also fields of another dataclass."""
    names = {each.name for each in fields(kind)}
    return {each.name: getattr(spec, each.name) for each in keys(type(spec)) if each.name in names}
