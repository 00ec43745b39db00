"""Read a dbprocessing configuration file (INI) with the meaning that addFromConfig.py gives it.

One file describes one satellite and instrument with their products and processes, and may be one of several: what it
does not mention stays. Unknown keys are ignored, as in dbprocessing.
"""

from __future__ import annotations

import ast
import configparser
import datetime as dt
import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from dbproc.core.errors import DefinitionError, VersionError
from dbproc.core.filenames import keywords_of, substitute
from dbproc.core.keys import Form, keys
from dbproc.core.model import Keying
from dbproc.core.spec import (
    AS_IN_DBPROCESSING,
    FIRST_VERSION,
    CodeSpec,
    Definition,
    InputSpec,
    InspectorSpec,
    KeyPath,
    MissionSpec,
    Place,
    ProcessSpec,
    ProductSpec,
)
from dbproc.core.text_lists import parameters_of
from dbproc.core.verdicts import FIELD, judged_by
from dbproc.core.version import Version
from dbproc.mission import paths
from dbproc.mission.formats import format_of
from dbproc.mission.problems import Problems, suggestion
from dbproc.mission.toml import completed
from dbproc.system.home import expanded

_SINGLE = ("mission", "satellite", "instrument")
_SEVERAL = ("product", "process")
_NOTHING = ("", "None", "none", "NONE")
_TRUE = ("True", "true", "1", "Yes", "yes", "Y", "y")
_FALSE = ("False", "false", "0", "No", "no", "N", "n")

_SPECS: Mapping[str, type] = {"mission": MissionSpec, "product": ProductSpec, "process": ProcessSpec}
_PARTS: Mapping[str, type] = {"code": CodeSpec, "inspector": InspectorSpec}
_WHOLE_PARTS = {"code": "code_filename", "inspector": "inspector_filename"}


@dataclass(slots=True)
class _IniPlaces:
    """The lines of sections and keys, and the section of each product and process."""

    lines: dict[tuple[str, str], int]
    sections: dict[KeyPath, str] = field(default_factory=dict)
    inputs: dict[KeyPath, str] = field(default_factory=dict)

    def __call__(self, path: KeyPath) -> Place:
        """The place of the key that a TOML file would have at `path`."""
        kind = str(path[0])
        section = kind if kind in _SINGLE else self.sections.get(path[:2], str(path[-1]))
        key = self.inputs.get(path[:4]) or _ini_key(kind, path[1:] if kind in _SINGLE else path[2:])
        line = self.line(section, key)
        return Place(line, f"[{section}] {key}".strip())

    def line(self, section: str, key: str) -> int | None:
        """The line of a key, or of its section."""
        return self.lines.get((section, key)) or self.lines.get(("DEFAULT", key)) or self.lines.get((section, ""))


def _ini_key(kind: str, rest: KeyPath) -> str:
    """The INI key, in a section of this kind, for the TOML key at ``rest`` below its table."""
    names = [part for part in rest if isinstance(part, str)]
    if not names:
        return ""
    part = _PARTS.get(names[0])
    if part is not None and len(names) > 1:
        return _ini_name(part, names[1]) or f"{names[0]}_{names[1]}"
    return _WHOLE_PARTS.get(names[0]) or _ini_name(_SPECS.get(kind), names[0]) or names[0]


def _ini_name(spec: type | None, label: str) -> str | None:
    return next((key.ini for key in keys(spec) if label in (key.toml, key.name)), None) if spec else None


def read_ini(text: str, name: str, problems: Problems) -> Definition:
    """Read a dbprocessing configuration file; faults go to `problems`.

    A relative root is relative to the current directory, as in dbprocessing.

    Raises
    ------
    DefinitionError
        The file is not an INI file.
    """
    names = _names(_parse(text, name))
    text = "".join(substitute(line, names) for line in text.splitlines(keepends=True))
    file = _IniFile(_parse(text, name), _IniPlaces(_lines(text)), problems)
    file.check_sections()
    mission = file.mission()
    products = file.products(mission, names["SPACECRAFT"], names["INSTRUMENT"])
    return Definition(
        mission=mission,
        products={product.name: product for product in products.values()},
        processes={process.name: process for process in file.processes(products)},
        partial=True,
        unsaid=file.unsaid(),
        finder=file.places,
    )


def _parse(text: str, name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text, name)
        for section in parser.sections():
            parser.items(section)
    except configparser.Error as error:
        sentence = " ".join(str(error).split())
        raise DefinitionError(f"{name} is not a configuration file:", (f"{_line_of(error)}{sentence}",)) from error
    return parser


def _line_of(error: configparser.Error) -> str:
    line = getattr(error, "lineno", None)
    return f"line {line}: " if line else ""


def _names(parser: configparser.ConfigParser) -> dict[str, str]:
    """The constants substituted in every line of the file before it is read."""
    mission = parser.get("mission", "mission_name", fallback="")
    spacecraft = substitute(parser.get("satellite", "satellite_name", fallback=""), {"MISSION": mission})
    names = {"MISSION": mission, "SPACECRAFT": spacecraft}
    return {**names, "INSTRUMENT": substitute(parser.get("instrument", "instrument_name", fallback=""), names)}


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Line numbers by section and key; those of sections have an empty key."""
    lines: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\[(?P<name>.+)\]", line)
        key = re.match(r"(?P<name>[^\s#;=:\[][^=:]*?)\s*[=:]", line)
        if header:
            section = header["name"]
            lines.setdefault((section, ""), number)
        elif key:
            lines.setdefault((section, key["name"].lower()), number)
    return lines


@dataclass(slots=True)
class _IniFile:
    """A parsed file; its methods read one kind of section each."""

    parser: configparser.ConfigParser
    places: _IniPlaces
    problems: Problems

    def check_sections(self) -> None:
        """Report missing and unknown sections."""
        for section in self.parser.sections():
            if section not in _SINGLE and not section.startswith(_SEVERAL):
                near = suggestion(section, (*_SINGLE, *_SEVERAL))
                self.problems.add((section,), f"the section [{section}] is not known{near}")
        for section in _SINGLE:
            if not self.parser.has_section(section):
                self.problems.add((section,), f"the section [{section}] is missing")

    def mission(self) -> MissionSpec:
        """The mission, with dbprocessing's defaults."""
        section = self._section("mission", ("mission",))
        codes = section.get("codedir", "") or "."
        inspectors = section.get("inspectordir") if "inspectordir" in section.values else codes
        places = {
            "root": os.path.abspath(expanded(section.required("rootdir", "root"))),
            "incoming": paths.directory(section.required("incoming_dir", "incoming")),
            "quarantine": paths.directory(section.get("errordir", "") or os.path.join(codes, "errors")),
            "codes": paths.directory(codes),
            "inspectors": paths.directory(inspectors or "."),
        }
        name = section.required("mission_name", "name")
        own = section.known(MissionSpec, without=("name", *places))
        return mission_as_there(**{**own, **places, "name": name})

    def unsaid(self) -> frozenset[str]:
        """Those of dbproc's own keys of the mission that the file does not have."""
        said = self._section("mission", ("mission",)).values
        return frozenset(key.name for key in keys(MissionSpec) if key.own and key.ini not in said)

    def products(self, mission: MissionSpec, satellite: str, instrument: str) -> dict[str, ProductSpec]:
        """The products by section."""
        products: dict[str, ProductSpec] = {}
        for section_name in self._sections("product"):
            product = self._product(section_name, mission, satellite, instrument)
            self._check_new(section_name, product.name, products.values())
            products[section_name] = product
        return {section: judging_as_there(product, products.values()) for section, product in products.items()}

    def processes(self, products: Mapping[str, ProductSpec]) -> list[ProcessSpec]:
        """The processes; they name products by section, or by a name in the database."""
        processes: list[ProcessSpec] = []
        for section_name in self._sections("process"):
            process = self._process(section_name, products)
            self._check_new(section_name, process.name, processes)
            processes.append(process)
        return processes

    def _sections(self, kind: str) -> list[str]:
        return [name for name in self.parser.sections() if name.startswith(kind)]

    def _section(self, name: str, path: KeyPath) -> _Section:
        values = dict(self.parser.items(name)) if self.parser.has_section(name) else {}
        return _Section(values, path, self.problems)

    def _check_new(self, section: str, name: str, others: Iterable[ProductSpec | ProcessSpec]) -> None:
        if any(other.name == name for other in others):
            self.problems.add((section,), f"{name!r} is described a second time in [{section}]; each name stands once")

    def _named(self, kind: str, section: str) -> tuple[str, _Section]:
        name = self.parser.get(section, f"{kind}_name", fallback="")
        self.places.sections.setdefault((kind, name), section)
        return name, self._section(section, (kind, name))

    def _product(self, section_name: str, mission: MissionSpec, satellite: str, instrument: str) -> ProductSpec:
        written, section = self._named("product", section_name)
        values = section.known(ProductSpec) | {"name": written, "satellite": satellite, "instrument": instrument}
        product = ProductSpec(inspector=_inspector(section), **values)
        constants = paths.product_constants(mission, product)
        name = paths.filled(section.get("product_name"), {**constants, "PRODUCT": "{PRODUCT}"})
        self.places.sections[("product", name)] = section_name
        return completed(replace(product, name=name), mission)

    def _process(self, section_name: str, products: Mapping[str, ProductSpec]) -> ProcessSpec:
        _, section = self._named("process", section_name)
        values = section.known(ProcessSpec, without=("output", "extra_params"))
        output = section.get("output_product")
        has_none = output in _NOTHING or values["timebase"] == "RUN"
        name = None if has_none else _product_name(output, products)
        by_name = {product.name: product for product in products.values()}
        return ProcessSpec(
            output=name,
            keywords=keywords_as_there(values["timebase"], name, by_name),
            inputs=self._inputs(section, products),
            codes=(_code(section),),
            extra_params=parameters_of(_something(section.get("extra_params"))),
            **values,
        )

    def _inputs(self, section: _Section, products: Mapping[str, ProductSpec]) -> tuple[InputSpec, ...]:
        """The inputs in the order of their products' sections: dbprocessing's order on the command line."""
        inputs: list[tuple[str, InputSpec]] = []
        for key, value in section.values.items():
            if not key.startswith(("required_input", "optional_input")):
                continue
            path = (*section.path, "inputs", key)
            self.places.inputs[path] = key
            product, yesterday, tomorrow = _input(value, path, self.problems)
            name = _product_name(product, products)
            optional = key.startswith("optional")
            inputs.append((key, InputSpec(product=name, optional=optional, yesterday=yesterday, tomorrow=tomorrow)))
        order = {product.name: number for number, product in enumerate(products.values())}
        inputs.sort(key=lambda item: order.get(item[1].product, -1))
        for position, (key, _) in enumerate(inputs):
            self.places.inputs[(*section.path, "inputs", position)] = key
        return tuple(given for _, given in inputs)


@dataclass(frozen=True, slots=True)
class _Section:
    """A section's keys and values; `path` is their place in a TOML file."""

    values: Mapping[str, str]
    path: KeyPath
    problems: Problems

    def get(self, key: str, default: str = "") -> str:
        """The value, or `default`."""
        return self.values.get(key, default)

    def complain(self, part: str | KeyPath, text: str) -> None:
        """Note a problem with the key that a TOML file would call `part`."""
        self.problems.add((*self.path, *((part,) if isinstance(part, str) else part)), text)

    def required(self, key: str, part: str | KeyPath) -> str:
        """The value of a required key."""
        if key not in self.values:
            self.complain(part, f"the key {key} is missing{suggestion(key, self.values, listed=False)}")
        return self.values.get(key, "")

    def known(self, kind: type, *at: str | int, without: Collection[str] = ()) -> dict[str, Any]:
        """The scalar keys of a specification that the section has, by field name.

        ``at`` is their place in the TOML table of this section.
        """
        values: dict[str, Any] = {}
        for key in keys(kind):
            if key.ini is None or key.name in without:
                continue
            part = (*at, key.label)
            if key.is_required:
                self.required(key.ini, part)
            if key.is_required or key.ini in self.values:
                read = self._READERS[key.form]
                values[key.name] = self.word(key.ini, part, key.choices) if key.choices else read(self, key.ini, part)
        return {name: value for name, value in values.items() if value is not None}

    def text(self, key: str, _: KeyPath) -> str:
        """The value as written."""
        return self.get(key)

    def word(self, key: str, part: KeyPath, choices: Collection[str]) -> str | None:
        """One of several words."""
        chosen = next((choice for choice in choices if choice == self.get(key)), None)
        if chosen is None:
            self.complain(part, f"{self.get(key)!r} is not allowed; choose one of {', '.join(choices)}")
        return chosen

    def words(self, key: str, _: KeyPath) -> tuple[str, ...]:
        """What stands between colons."""
        return tuple(word.strip() for word in self.get(key).split(":") if word.strip())

    def number(self, key: str, part: KeyPath) -> float:
        """A finite number."""
        text = self.get(key)
        try:
            value = float(text or "nan")
        except ValueError:
            value = math.nan
        if not math.isfinite(value) and key in self.values:
            self.complain(part, f"{text!r} is not a number")
        return value if math.isfinite(value) else 0.0

    def whole(self, key: str, part: KeyPath) -> int | None:
        """A whole number."""
        text = self.get(key).strip()
        if re.fullmatch(r"-?\d{1,20}", text, re.ASCII):
            return int(text)
        self.complain(part, f"{text[:40]!r} is not a whole number")
        return None

    def date(self, key: str, part: KeyPath) -> dt.date | None:
        """A date, or None."""
        text = self.get(key)
        if not text:
            return None
        try:
            return dt.datetime.strptime(text, "%Y-%m-%d").date()
        except ValueError:
            self.complain(part, f"{text!r} is not a date; write it as 2019-01-31")
            return None

    def version(self, key: str, part: KeyPath) -> Version:
        """A version."""
        try:
            return Version.parse(self.get(key))
        except VersionError as error:
            self.complain(part, str(error))
            return FIRST_VERSION

    _READERS: ClassVar[Mapping[Form, Callable[[_Section, str, KeyPath], Any]]] = {
        Form.TEXT: text,
        Form.LINES: text,
        Form.NUMBER: number,
        Form.WHOLE: whole,
        Form.DATE: date,
        Form.VERSION: version,
        Form.WORDS: words,
        Form.CHOICE: words,
    }

    def flag(self, key: str, part: str | KeyPath) -> bool:
        """A truth value, true when missing."""
        text = self.get(key, "True")
        if text not in _TRUE + _FALSE:
            self.complain(part, f"{text!r} is neither True nor False")
        return text in _TRUE


def judging_as_there(product: ProductSpec, products: Iterable[ProductSpec]) -> ProductSpec:
    """A product with {QACODE} in its format: its files say how good those are whose names theirs contain."""
    if FIELD not in product.format:
        return product
    others = {other.name: other.format for other in products if other is not product}
    return replace(product, quality_of=judged_by(product.format, others))


def _inspector(section: _Section) -> InspectorSpec:
    name = section.required("inspector_filename", "inspector")
    directory = section.required("inspector_relative_path", ("inspector_relative_path",))
    used = [section.flag(f"inspector_{key}", f"inspector_{key}") for key in ("active", "newest_version")]
    if not used[0]:
        section.complain("inspector_active", "without an active inspector no file could become this product; say True")
    if name and not name.endswith(".py"):
        section.complain("inspector", f"{name!r} is not a Python file; its name must end in .py")
    return InspectorSpec(
        file=os.path.join(directory, name),
        arguments=keywords_of(_something(section.get("inspector_arguments"))),
        **section.known(InspectorSpec, "inspector"),
    )


def _code(section: _Section) -> CodeSpec:
    directory = section.required("code_relative_path", ("code", 0, "relative_path"))
    active = section.flag("code_active", ("code", 0, "active"))
    newest = section.flag("code_newest_version", ("code", 0, "newest_version"))
    values = {"ram": 1.0, **section.known(CodeSpec, "code", 0, without=("file", "arguments", "active"))}
    return CodeSpec(
        file=paths.program(os.path.join(directory, section.required("code_filename", ("code", 0, "file")))),
        arguments=tuple((_something(section.get("code_arguments")) or "").split()),
        active=active and newest,
        **values,
    )


def _input(value: str, path: KeyPath, problems: Problems) -> tuple[str, int, int]:
    """``product_a`` or ``("product_a", 1, 1)``: the product, days before and days after."""
    if "(" not in value:
        return value, 0, 0
    try:
        found: object = ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        found = None
    match found:
        case (str(product), int(yesterday), int(tomorrow)):
            return product, yesterday, tomorrow
        case _:
            problems.add(path, f'{value!r} cannot be read; write a name, or ("name", days_before, days_after)')
            return "", 0, 0


def _product_name(written: str, products: Mapping[str, ProductSpec]) -> str:
    return products[written].name if written in products else written


def mission_as_there(**values: Any) -> MissionSpec:
    """A mission that does what it did with dbprocessing, as far as nothing else is said."""
    return paths.with_whole_places(MissionSpec(**{**AS_IN_DBPROCESSING, **values}))


def keywords_as_there(timebase: str, output: str | None, products: Mapping[str, ProductSpec]) -> Keying:
    """What they do, as in dbprocessing; where there are surely none, it makes no difference."""
    format = format_of(products.get(output or ""))
    may_have = timebase == "FILE" or format is None or bool(format.keyword_fields)
    return Keying.INSPECTOR if output is not None and may_have else Keying.EACH


def _something(text: str) -> str | None:
    return None if text in _NOTHING else text
