#!/usr/bin/env python3
"""Convert a multispectral picture to an IDX dataset, its bands as fields: ``[--camera RGN] INPUT... OUTPUT.idx``.

One picture whose channels are bands (MAPIR Survey3 and the like), or one file for each band. With calibration
coefficients the fields are reflectance, without them the stored numbers. Place, time and orientation are kept.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.formats import bands
from dbproc.codes.formats.image_file import SUFFIXES
from dbproc.codes.formats.orientation import top_first
from dbproc.codes.idx.attributes import shared
from dbproc.codes.idx.description import Description, Field
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.image_to_idx import UPRIGHT, axes

if TYPE_CHECKING:
    from dbproc.codes.formats.image_file import Facts, Picture
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "mapir_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", SUFFIXES, joins=False)
BAND_NAME = re.compile(
    rb"[\w-]+:BandName\s*=\s*[\"']([^\"']+)[\"']|<[\w-]+:BandName[^>]*>(.*?)</[\w-]+:BandName>", re.DOTALL
)
"""How cameras tell in XMP which bands there are: of whatever namespace, one name or a list."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert the bands of a multispectral picture to the fields of an IDX dataset.")
    told = parser.add_mutually_exclusive_group()
    told.add_argument("--camera", choices=sorted(bands.CAMERAS), help="the camera's filter, which tells the bands")
    told.add_argument(
        "--bands", metavar="NAME,NAME", help="the bands by name: of the channels, or of the files, in order"
    )
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        "--calibration", type=_absolute, metavar="FILE", help="JSON or CSV: gain and offset of each band"
    )
    given.add_argument(
        "--calibrate", action="append", metavar="BAND=GAIN,OFFSET", help="the same for one band; repeat it"
    )
    parser.add_argument("--ndvi", action="store_true", help="a further field: (nir - red) / (nir + red)")
    parser.add_argument("--index", action="append", choices=sorted(bands.INDICES), help="a further field of that index")
    return CONVERTER.main(parser, arguments, _options)


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[BandSource]:
    """Open the picture, or the files of its bands; ``options`` are those of the command line."""
    from dbproc.codes.formats import image_file

    with ExitStack() as stack:
        pictures = [stack.enter_context(image_file.opened(path)) for path in inputs]
        yield BandSource(inputs, pictures, options)


@dataclass(frozen=True)
class Channel:
    """Where a band's numbers are: a file and a component of it."""

    file: int
    component: int


class BandSource:
    """Bands and indices of them, as the writer wants them.

    Parameters
    ----------
    paths
        One file whose components are bands, or several of one component.
    pictures
        The same, opened.
    options
        The bands' names, their calibration, and the indices wanted.
    """

    def __init__(self, paths: Sequence[Path], pictures: Sequence[Picture], options: Mapping[str, Any]) -> None:
        self._pictures = pictures
        _require_alike(paths, [each.facts for each in pictures])
        self._channels = _channels(paths, [each.facts for each in pictures], options)
        self._lines = _lines(options)
        if self._lines:
            bands.require_lines(list(self._channels), self._lines)
        wanted = [*(["ndvi"] if options.get("ndvi") else []), *(options.get("index") or ())]
        self._indices = {name: bands.pair(name, list(self._channels)) for name in dict.fromkeys(wanted)}
        self.description = self._describe(paths)

    def read(self, field: str, box: Box) -> Values:
        """The values of a band or an index inside ``box``: (row, column)."""
        if field in self._indices:
            first, second = (self._band(name, box) for name in self._indices[field])
            return bands.normalised_difference(first, second)
        return self._band(field, box)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """The same of pixels read by another way: a band's place among the fields tells its file or channel."""
        names = [each.name for each in self.description.fields]
        if field not in self._indices:
            yield from self._plain_band(names.index(field), box)
            return
        first, second = (names.index(name) for name in self._indices[field])
        pairs = zip(self._plain_band(first, box), self._plain_band(second, box), strict=True)
        for (part, one), (_, other) in pairs:
            yield part, bands.normalised_difference(one, other)

    def _plain_band(self, place: int, box: Box) -> Iterator[tuple[Box, Values]]:
        several, about = len(self._pictures) > 1, self.description.fields[place].attributes
        for part, pixels in self._pictures[place if several else 0].plain(*box):
            stored = pixels[..., 0 if several else place]
            if "gain" in about:
                yield part, (about["gain"] * stored.astype("f8") + about["offset"]).astype("f4")
            else:
                yield part, stored

    def _band(self, name: str, box: Box) -> Values:
        channel = self._channels[name]
        stored = self._pictures[channel.file].read(*box)[:, :, channel.component]
        return self._lines[name].applied(stored) if self._lines else stored

    def _describe(self, paths: Sequence[Path]) -> Description:
        from dbproc.codes.idx.files import origins

        facts = self._pictures[0].facts
        rows, columns = axes(facts)
        notes = dict.fromkeys(note for each in self._pictures for note in each.facts.notes)
        indices = [f"{name}: ({a} - {b}) / ({a} + {b}), NaN where both are 0" for name, (a, b) in self._indices.items()]
        said = ["reflectance = gain * stored + offset"] if self._lines else ["not calibrated: the stored numbers"]
        if len(paths) > 1:
            said.append("the bands are as their sensors saw them, not registered to one another")
        return Description(
            code=NAME,
            origins=origins(paths),
            shape=(facts.rows, facts.columns),
            axes=(rows, columns),
            fields=(*(self._field(name) for name in self._channels), *(self._index(name) for name in self._indices)),
            orientation=UPRIGHT,
            top_first=top_first(rows),
            notes=(*notes, *said, *indices),
            attributes={
                **shared([each.facts.attributes for each in self._pictures]),
                "bands": list(self._channels),
            },
        )

    def _field(self, name: str) -> Field:
        channel = self._channels[name]
        facts = self._pictures[channel.file].facts
        about: dict[str, Any] = {"file": channel.file + 1, "channel": channel.component + 1}
        if len(self._pictures) > 1:
            about["picture"] = facts.attributes
        if name not in self._lines:
            return Field(name, name, facts.dtype, attributes=about)
        line = self._lines[name]
        about |= {"formula": "gain * stored + offset", "gain": line.gain, "offset": line.offset, "stored": facts.dtype}
        return Field(name, name, "float32", units="1", long_name=f"reflectance, {name}", attributes=about)

    def _index(self, name: str) -> Field:
        first, second = self._indices[name]
        formula = f"({first} - {second}) / ({first} + {second})"
        of = "reflectance" if self._lines else "stored numbers"
        return Field(
            name, name, "float32", units="1", long_name=name.upper(), attributes={"formula": formula, "of": of}
        )


def _channels(paths: Sequence[Path], facts: Sequence[Facts], options: Mapping[str, Any]) -> dict[str, Channel]:
    """The bands by name, in the order of the channels or the files."""
    if len(facts) > 1:
        places = [Channel(file, 0) for file in range(len(facts))]
    else:
        places = [Channel(0, component) for component in range(facts[0].components)]
    found = _told(paths, facts, options)
    if len(found) != len(places):
        kind = "files" if len(facts) > 1 else "channels"
        what = f"{len(found)} bands are named ({', '.join(found)}), it has {len(places)} {kind}"
        raise Refusal(paths[0], what, "Name as many with --bands")
    return dict(zip(found, places, strict=True))


def _told(paths: Sequence[Path], facts: Sequence[Facts], options: Mapping[str, Any]) -> Sequence[str]:
    """The names of the bands: declared, else as the files tell them."""
    if options.get("bands"):
        return bands.names(options["bands"])
    single = len(facts) > 1 or facts[0].components == 1
    if options.get("camera"):
        names = bands.CAMERAS[options["camera"]]
        return names[:1] if single and len(facts) == 1 else names
    model, make = (str(facts[0].attributes.get(key, "")) for key in ("model", "make"))
    if single:
        return _of_files(paths, facts)
    found = _from_xmp(facts[0])
    if len(found) == facts[0].components:
        return bands.names(",".join(found))
    known = bands.camera(model) or bands.of_maker(make)
    if known is None:
        what = (
            f"its camera, {model!r}, does not tell which bands its channels are" if model else "it tells of no camera"
        )
        choices = ", ".join(f"{name} ({' '.join(each)})" for name, each in bands.CAMERAS.items())
        raise Refusal(paths[0], what, f"Say --bands NAME,NAME or --camera: {choices}")
    return known


def _of_files(paths: Sequence[Path], facts: Sequence[Facts]) -> list[str]:
    """The band of each file, by what its camera wrote into it, else by its model or its name."""
    found = []
    for path, each in zip(paths, facts, strict=True):
        model = str(each.attributes.get("model", ""))
        told, known = _from_xmp(each), bands.camera(model) if len(paths) == 1 else None
        name = told[0] if len(told) == 1 else bands.of_file(path.stem, model) or (known[0] if known else None)
        if name is None:
            raise Refusal(
                path, "it does not tell which band it holds", "Name the bands, in the files' order, with --bands"
            )
        found.append(name)
    return bands.names(",".join(found))


def _from_xmp(facts: Facts) -> list[str]:
    packet = facts.tags.get("XMP", b"")
    match = BAND_NAME.search(packet if isinstance(packet, bytes) else str(packet).encode())
    if match is None:
        return []
    text = (match[1] or match[2]).decode("utf-8", "replace")
    told = [text] if "<" not in text else re.findall(r"<rdf:li[^>]*>([^<]*)</rdf:li>", text)
    return [bands.named(name) for name in told if name.strip()]


def _lines(options: Mapping[str, Any]) -> dict[str, bands.Line]:
    if options.get("calibration"):
        table = Path(options["calibration"])
        if not table.is_file():
            raise Refusal(table, "there is no such table of coefficients", "Check its name")
        return bands.table(table.name, table.read_text(errors="replace"))
    return bands.coefficients(options.get("calibrate") or ())


def _require_alike(paths: Sequence[Path], facts: Sequence[Facts]) -> None:
    for path, each in zip(paths, facts, strict=True):
        if len(facts) > 1 and each.components != 1:
            what = f"it has {each.components} channels; of several files each must hold one band"
            raise Refusal(path, what, "Convert each picture alone")
        if (each.rows, each.columns, each.kind) != (facts[0].rows, facts[0].columns, facts[0].kind):
            raise Refusal(
                path, f"it is of another kind ({each}) than {paths[0].name} ({facts[0]})", "Is it of this set?"
            )


def _options(given: Any) -> dict[str, Any]:
    names = ("camera", "bands", "calibration", "calibrate", "ndvi", "index")
    return {name: getattr(given, name) for name in names}


def _absolute(text: str) -> str:
    return str(Path(text).absolute())


if __name__ == "__main__":
    sys.exit(main())
