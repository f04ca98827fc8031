"""Make a plot's SVG part of a page: in its colours, without the inline styles that its policy forbids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
# What CSS says of these would be lost, or is better left to the page's own style sheet.
DROPPED = {"font", "font-family", "stroke-linejoin", "stroke-linecap"}


def inline_svg(svg: str, prefix: str, title: str, colours: Mapping[str, str]) -> str:
    """Turn matplotlib's SVG document into an element for an HTML page.

    Args:
        svg: The document.
        prefix: Put before every id, so that two plots on a page don't share any.
        title: What the plot shows, for those who can't see it.
        colours: CSS variable of each colour, without the dashes, for example ``{"#1f2a37": "ink"}``.

    Returns:
        An ``<svg>`` element without style attributes and without a fixed size.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style")]:
            parent.remove(child)
    for element in root.iter():
        _style_to_attributes(element, colours)
        _prefix_ids(element, prefix)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": title, "stroke-linejoin": "round", "stroke-linecap": "butt"}
    return ElementTree.tostring(root, encoding="unicode")


def _style_to_attributes(element: ElementTree.Element, colours: Mapping[str, str]) -> None:
    declarations = [item.partition(":") for item in element.attrib.pop("style", "").split(";") if item.strip()]
    for name, _, value in declarations:
        name, value = name.strip(), value.strip()
        size = re.search(r"\b([\d.]+)px", value) if name == "font" else None
        if size:
            element.set("font-size", size.group(1))
        if name not in DROPPED:
            element.set(name, value)
    for name in ("fill", "stroke"):
        colour = element.get(name, "").lower()
        if colour in colours:
            element.set(name, f"var(--{colours[colour]})")


def _prefix_ids(element: ElementTree.Element, prefix: str) -> None:
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, prefix + value)
        elif name == f"{{{XLINK}}}href" and value.startswith("#"):
            element.set(name, f"#{prefix}{value[1:]}")
        elif "url(#" in value:
            element.set(name, value.replace("url(#", f"url(#{prefix}"))
