"""The captions of Tux Paint's stamps as people wrote them, read without the code under test."""

from __future__ import annotations

from pathlib import Path

STAMPS = Path("/usr/share/tuxpaint/stamps")


def captions() -> list[tuple[str, str]]:
    """Return all captions in English and in French."""
    pairs = []
    for path in sorted(STAMPS.rglob("*.txt")):
        english, *rest = path.read_text("utf-8", "replace").splitlines() or [""]
        french = [line.partition("=")[2] for line in rest if line.startswith("fr.utf8=")]
        if english.strip() and french:
            pairs.append((english.strip(), french[0].strip()))
    return pairs
