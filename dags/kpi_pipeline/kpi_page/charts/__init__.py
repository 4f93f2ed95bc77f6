"""The charts, as Vega-Lite (``*.vl.json``) that an editor of Vega-Lite opens, drawn as SVG without a browser.

Colours are the page's own custom properties, so that one drawing serves in light, in dark and on paper.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

_SVG = "http://www.w3.org/2000/svg"
_VEGA_LITE = "6.4"
# Where a chart's container is at least as wide as the wide drawing, the page shows that one: see page.css.
_WIDTHS = {"narrow": 320, "wide": 540}
# What a row of names beside the bars takes, and what the text at the end of the longest bar or stem needs.
_NAMES = {"genres": 120, "ranking": 162}
_ROOM = {"genres": (46, 34), "ranking": (84,)}


def draw(name: str, rows: Sequence[Mapping[str, Any]], summary: str) -> Markup:
    """Draw a chart twice, for a narrow and for a wide container, as two ``<svg>``.

    Args:
        name: The file of this folder without ``.vl.json``; its description says which fields a row has.
        rows: The data, in the order in which they are drawn.
        summary: What the chart shows, in a sentence, for those who can't see it.

    Raises:
        ValueError: The chart's file is no Vega-Lite; the message names it.
    """
    try:
        return Markup("").join(_drawn(name, rows, summary, size) for size in _WIDTHS)
    except ValueError as error:
        raise ValueError(f"{name}.vl.json can't be drawn: {error}") from error


def _drawn(name: str, rows: Sequence[Mapping[str, Any]], summary: str, size: str) -> Markup:
    import vl_convert

    spec = _sized(name, _WIDTHS[size])
    spec["data"] = {"values": list(rows)}
    svg = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE, config=_read("theme.json"))
    return _prepared(svg, summary, size)


def _sized(name: str, width: int) -> dict[str, Any]:
    spec = _read(f"{name}.vl.json")
    if name not in _NAMES:
        return {**spec, "width": width}
    views = spec.get("hconcat", [spec])
    plot = (width - _NAMES[name] - spec.get("spacing", 0) * (len(views) - 1)) // len(views)
    for view, room in zip(views, _ROOM[name], strict=True):
        view["width"] = plot
        view["encoding"]["x"].setdefault("scale", {})["rangeMax"] = plot - room
    return spec


def _prepared(svg: str, summary: str, size: str) -> Markup:
    """Make a drawing one image with a name, whose marks say what they are when they are pointed at."""
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.get("opacity") == "0":  # labels that would overlap
                parent.remove(child)
    for element in list(root.iter()):
        label = element.attrib.pop("aria-label", None)
        for attribute in ("role", "aria-roledescription", "aria-hidden", "font-family", "pointer-events"):
            element.attrib.pop(attribute, None)
        if label and element.tag in (f"{{{_SVG}}}path", f"{{{_SVG}}}text"):
            ElementTree.SubElement(element, f"{{{_SVG}}}title").text = label
    for attribute in ("width", "height"):
        root.attrib.pop(attribute)
    root.attrib.update({"class": f"chart {size}", "role": "img", "aria-label": summary})
    return Markup(ElementTree.tostring(root, encoding="unicode"))


@cache
def _text(file: str) -> str:
    return files(__package__).joinpath(file).read_text(encoding="utf-8")


def _read(file: str) -> dict[str, Any]:
    return json.loads(_text(file))
