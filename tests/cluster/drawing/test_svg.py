"""The drawing as a file."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from cluster.drawing.diagram import Arrow, Box, Diagram
from cluster.drawing.layout import lay_out
from cluster.drawing.svg import svg

SVG = "{http://www.w3.org/2000/svg}"
NASTY = '<script>alert(1)</script> & "x" \x1b[31m\x00'


def drawn(text: str, *, answering: bool = True) -> ET.Element:
    boxes = (
        Box(name="a", title=text, kind="switch", group="choice", lines=(text,)),
        Box(name="b", title="b", kind="dense pool", group="model"),
    )
    arrow = Arrow(start="a", end="b", label=text, answering=answering)
    return ET.fromstring(svg(lay_out(Diagram(boxes=boxes, arrows=(arrow,))), text))  # noqa: S314 - our own output


def texts(root: ET.Element) -> list[str]:
    return [one.text or "" for one in root.iter(f"{SVG}text")]


def test_texts_cannot_become_elements() -> None:
    """A document's names are text and nothing else, and what XML cannot hold is left out."""
    root = drawn(NASTY)
    assert not list(root.iter(f"{SVG}script"))
    assert any("<script>" in text for text in texts(root))
    assert not any(letter in text for text in texts(root) for letter in "\x1b\x00")


def test_boxes_arrows_and_labels_are_there() -> None:
    """One shape each, and the title for who cannot see them."""
    root = drawn("word")
    assert root.findtext(f"{SVG}title") == "word"
    assert [one.get("class") for one in root.iter(f"{SVG}rect")].count("label") == 1
    assert {"word", "switch", "dense pool", "b"} <= set(texts(root))
    assert sum(one.get("class") == "way" for one in root.iter(f"{SVG}path")) == 1


def test_ways_to_helpers_are_dashed_and_explained() -> None:
    """No client gets their answers."""
    root = drawn("word", answering=False)
    assert any(one.get("class") == "way helper" for one in root.iter(f"{SVG}path"))
    assert any("dashed" in text for text in texts(root))
    assert not any("dashed" in text for text in texts(drawn("word")))


def test_dark_pages_have_colours_of_their_own() -> None:
    """By the reader's setting, without a script."""
    style = drawn("word").findtext(f"{SVG}style")
    assert style is not None
    assert "@media (prefers-color-scheme: dark)" in style
