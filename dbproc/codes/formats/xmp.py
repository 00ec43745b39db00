"""What XMP tells of a picture: the properties of a packet of RDF, by their names with prefixes. Pure.

Follows ISO 16684-1.
"""

from __future__ import annotations

import io
from typing import Any
from xml.etree import ElementTree

from dbproc.codes.formats.texts import of_bytes

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
XML = "{http://www.w3.org/XML/1998/namespace}"
ARRAYS = (f"{RDF}Seq", f"{RDF}Bag", f"{RDF}Alt")
NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"
"""What begins the part of a JPEG stream that holds a packet."""
KEYWORD = b"XML:com.adobe.xmp"
"""What begins the chunk of a PNG file that holds one."""


def properties(packet: bytes | str) -> dict[str, Any]:
    """The properties of a packet: texts, lists, and properties of their own; none where it cannot be read."""
    text = of_bytes(packet) if isinstance(packet, bytes) else packet
    prefixes: dict[str, str] = {}
    found: dict[str, Any] = {}
    try:
        events = ElementTree.iterparse(io.BytesIO(text.strip("\0 \r\n\ufeff").encode()), ("start-ns", "end"))
        for event, item in events:
            if event == "start-ns":
                prefixes.setdefault(item[1], item[0])
            elif item.tag == f"{RDF}RDF":
                for each in item:
                    found |= _properties(each, prefixes)
    except ElementTree.ParseError:
        return {}
    return found


def chunk(body: bytes) -> bytes | None:
    """The packet of an iTXt chunk of a PNG file; None where it holds another text, or a compressed one."""
    keyword, _, rest = body.partition(b"\0")
    if keyword != KEYWORD or rest[:1] != b"\0":
        return None
    return rest[2:].split(b"\0", 2)[-1]


def _properties(element: ElementTree.Element, prefixes: dict[str, str]) -> dict[str, Any]:
    own = {name: value for name, value in element.attrib.items() if not name.startswith((RDF, XML))}
    found: dict[str, Any] = {_named(name, prefixes): value for name, value in own.items()}
    return found | {_named(each.tag, prefixes): _value(each, prefixes) for each in element}


def _value(element: ElementTree.Element, prefixes: dict[str, str]) -> Any:
    array = next((each for each in element if each.tag in ARRAYS), None)
    if array is not None:
        return [_value(each, prefixes) for each in array]
    inner = element if len(element) != 1 or element[0].tag != f"{RDF}Description" else element[0]
    return _properties(inner, prefixes) or (element.text or "").strip()


def _named(tag: str, prefixes: dict[str, str]) -> str:
    place, _, name = tag.rpartition("}")
    prefix = prefixes.get(place[1:], "")
    return f"{prefix}:{name}" if prefix else name
