"""Tux Paint's stamps: pictures with an English caption and human translations (Debian `tuxpaint-stamps-default`)."""

from __future__ import annotations

import re
from pathlib import Path

from passerelle.errors import MissingDependency, to_install
from passerelle.example.concepts import concept
from passerelle.records import Picture, Text
from passerelle.runs import write_atomically

FOLDER = Path("/usr/share/tuxpaint/stamps")
_TRANSLATION = re.compile(r"^([A-Za-z@_]+)\.utf8=(.*)$")


def read_captions(path: Path) -> dict[str, str]:
    """Read a stamp's text file: English in the first line, then ``code.utf8=caption`` lines.

    Codes are gettext's (``pt_BR``, ``ca@valencia``); they come back as they are.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    captions = {"en": lines[0].strip()} if lines and lines[0].strip() else {}
    for line in lines[1:]:
        match = _TRANSLATION.match(line.strip())
        if match and match[2].strip():
            captions[match[1]] = match[2].strip()
    return captions


def render(vector: Path, path: Path) -> None:
    """Write an SVG file as a PNG, 256 pixels wide."""
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_path=str(vector), width=256, dpi=96, skip_system_fonts=True)
    write_atomically(path, png)


def read_pictures(language: str, rendered: Path, folder: Path = FOLDER) -> list[Picture]:
    """Return every stamp with its English caption, and its caption in `language` where it has one.

    Args:
        language: A language code such as ``fr``.
        rendered: Where the stamps that are vector graphics are drawn, once.
        folder: Where the stamps are installed.

    Raises:
        MissingDependency: The stamps aren't installed.
    """
    if not folder.is_dir():
        raise MissingDependency(
            f"no Tux Paint stamps in {str(folder)!r}. Install them: "
            + to_install("demo", debian=["tuxpaint-stamps-default"])
        )
    pictures = []
    for text_file in sorted(folder.rglob("*.txt")):
        relative = text_file.relative_to(folder)
        path, vector = text_file.with_suffix(".png"), text_file.with_suffix(".svg")
        if not path.is_file():
            if not vector.is_file():
                continue
            path = rendered / relative.with_suffix(".png")
            if not path.is_file():
                render(vector, path)
        found = read_captions(text_file)
        if "en" not in found:
            continue
        captions = {"en": Text(found["en"], "en", "native")}
        if language != "en" and language in found:
            captions[language] = Text(found[language], language, "human-translation")
        pictures.append(
            Picture(
                id=f"stamps/{relative.with_suffix('').as_posix()}",
                source="stamps",
                category=relative.parent.as_posix().removesuffix("/cartoon"),
                concept=concept(found["en"]),
                path=path,
                captions=captions,
            )
        )
    return pictures
