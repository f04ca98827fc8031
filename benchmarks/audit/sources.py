"""Fetches what sources need from Debian's archive, once, and reads them; ``sources.toml`` says which there are."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.audit import texts
from benchmarks.audit.texts import Text

MIRROR = "http://deb.debian.org/debian"
HERE = Path(__file__).parent
CODES = {"pt": ("pt", "pt_BR"), "nl": ("nl",), "ca": ("ca",)}
"""Codes of gettext by language, the first that has a text wins; else the language's own."""


def known() -> dict[str, dict[str, Any]]:
    """Return all sources by name."""
    return tomllib.loads((HERE / "sources.toml").read_text(encoding="utf-8"))


class Sources:
    """Reads sources.

    Args:
        cache: Where files of Debian's archive are kept.
        photographs: The table of photographs' captions; ``None``: that source is empty.
        evaluations: The folder of test sets with what engines made of them; ``None``: these sources are empty.
    """

    def __init__(self, cache: Path, photographs: Path | None = None, evaluations: Path | None = None) -> None:
        self.cache, self._photographs, self._evaluations = cache, photographs, evaluations

    def read(self, name: str, language: str) -> list[Text]:
        """Return the usable texts of a source with translations into a language, those of one English text once."""
        return list(texts.usable(self.all_of(name, language), name))

    def all_of(self, name: str, language: str) -> Iterator[Text]:
        """Yield all texts of a source with translations into a language, usable or not."""
        source = known()[name]
        reader: Callable[[dict[str, Any], str], Iterator[Text]] = getattr(self, "_" + source["reader"])
        for code in CODES.get(language, (language,)):
            yield from reader(source, code)

    def fetched(self, path: str) -> Path:
        """Return a file of the archive; fetch it if it isn't there."""
        file = self.cache / Path(path).name
        if not file.is_file():
            self.cache.mkdir(parents=True, exist_ok=True)
            helper = ["/usr/lib/apt/apt-helper", "-oAPT::Sandbox::User=root", "download-file"]
            subprocess.run([*helper, f"{MIRROR}/{path}", str(file)], check=True, capture_output=True)
        return file

    def packages(self, names: list[str], *, control: bool = False) -> list[Path]:
        """Return folders of unpacked packages, or of their control files; those that the archive lacks are left out."""
        folder = self.cache / ("control" if control else "unpacked")
        listed = subprocess.run(["apt-cache", "pkgnames"], check=True, capture_output=True, text=True).stdout
        there = set(listed.split())
        missing = [name for name in names if name in there and not (folder / name).is_dir()]
        if missing:
            archives = self.cache / "packages"
            archives.mkdir(parents=True, exist_ok=True)
            asked = ["apt-get", "-oAPT::Sandbox::User=root", "download", *missing]
            subprocess.run(asked, cwd=archives, check=True, capture_output=True)
            for name in missing:
                archive = next(archives.glob(f"{name}_*.deb"))
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["dpkg-deb", "-e" if control else "-x", archive, folder / name], check=True)
                archive.unlink()
        return [folder / name for name in names if (folder / name).is_dir()]

    def _table(self, _: dict[str, Any], code: str) -> Iterator[Text]:
        return texts.table(self._photographs, code) if self._photographs else iter(())

    def _evaluated(self, source: dict[str, Any], code: str) -> Iterator[Text]:
        return texts.evaluated(self._evaluations, source["set"], code) if self._evaluations else iter(())

    def _stamps(self, source: dict[str, Any], code: str) -> Iterator[Text]:
        return texts.stamps(source["side"], code)

    def _emoji(self, _: dict[str, Any], code: str) -> Iterator[Text]:
        return texts.emoji_names(code)

    def _components(self, source: dict[str, Any], code: str) -> Iterator[Text]:
        return texts.components(self.fetched(source["file"]), code)

    def _descriptions(self, source: dict[str, Any], code: str) -> Iterator[Text]:
        english, other = (self.fetched(source["files"] + end) for end in ("en.xz", f"{code}.bz2"))
        return texts.descriptions(english, other, code)

    def _catalogues(self, source: dict[str, Any], code: str) -> Iterator[Text]:
        for path in sorted(Path(source["folder"]).glob(f"{code}/LC_MESSAGES/*.mo")):
            if not path.stem.startswith(tuple(source["without"])):
                yield from texts.catalogue(path)

    def _packages(self, source: dict[str, Any], code: str) -> Iterator[Text]:
        for folder in self.packages(source["packages"]):
            for path in sorted(folder.rglob(f"{code}/LC_MESSAGES/*.mo")):
                yield from texts.catalogue(path, source["kind"])
            for path in sorted(folder.rglob(f"{code}.po")):
                text = path.read_text(encoding="utf-8", errors="replace")
                yield from texts.po_file(text, f"{folder.name} {path.parent.name}", source["kind"])

    def _templates(self, source: dict[str, Any], code: str) -> Iterator[Text]:
        for folder in self.packages(source["packages"], control=True):
            if (folder / "templates").is_file():
                yield from texts.templates((folder / "templates").read_text(encoding="utf-8"), folder.name, code)

    def _manuals(self, source: dict[str, Any], code: str) -> Iterator[Text]:
        pages = Path(source["folder"])
        for folder in self.packages([f"manpages-{code.lower().replace('_', '-')}"]):
            for path in sorted(folder.rglob("man[1-8]/*.gz")):
                original = pages / path.parent.name / path.name
                if original.is_file() and not path.is_symlink():
                    yield from texts.manual(texts.unpacked(original), texts.unpacked(path), path.name.split(".")[0])
