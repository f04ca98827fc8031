"""What is to be translated, into what, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from passerelle.errors import ConfigError, InputError
from passerelle.formats.base import Format
from passerelle.formats.images import ImageFolder
from passerelle.formats.registry import open_format
from passerelle.languages.codes import language
from passerelle.languages.phrasebook import Phrasebook, read_phrasebook
from passerelle.translation.protection.glossary import Glossary


@dataclass(frozen=True)
class Job:
    """One data set to translate.

    Attributes:
        source: The data file, or the folder of formats that are folders.
        out: The file or folder to write.
        target_language: Any code or name.
        source_language: The same.
        engine: Specification of the engine, as `make_engine` takes it.
        engine_options: Its options.
        fallback: Specification of another engine, for what the first can't do; empty: none.
        memory: The file of the translation memory.
        format: Name of the format; empty: find out.
        fields: Places of the texts to translate, for rows of any kind.
        image_fields: Places of image paths, for rows of any kind.
        images: The image folder; ``None``: only images at absolute paths are looked at.
        images_anywhere: Whether images may lie outside of the image folder.
        glossary: File of terms that stay or have a fixed translation.
        phrasebook: File of sentences that are known, before those that ship.
        limit: Take only so many rows; ``None``: all.
        strict: Stop at the first bad row.
    """

    source: Path
    out: Path
    target_language: str
    memory: Path
    source_language: str = "en"
    engine: str = "apertium"
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    fallback: str = ""
    format: str = ""
    fields: tuple[str, ...] = ()
    image_fields: tuple[str, ...] = ()
    images: Path | None = None
    images_anywhere: bool = False
    glossary: Path | None = None
    phrasebook: Path | None = None
    limit: int | None = None
    strict: bool = False

    @property
    def rejects(self) -> Path:
        """The file of the rows that aren't in the output."""
        return self.out.with_name(f"{self.out.name}.rejects.jsonl")

    @property
    def card(self) -> Path:
        """The page that says how the output was made."""
        return self.out.with_name(f"{self.out.name}.README.md")

    def check(self) -> None:
        """Make sure that the languages and the paths go together.

        Raises:
            ConfigError: An unknown language, or twice the same.
            InputError: A file is missing, or would be overwritten.
        """
        if language(self.source_language) == language(self.target_language):
            raise ConfigError(
                f"the data are in {language(self.source_language).name} already: give another language with --to."
            )
        if not self.source.exists():
            raise InputError(f"no file at {str(self.source)!r}: give the path of a data file.")
        if self.images is not None and not self.images.is_dir():
            raise InputError(f"no folder at {str(self.images)!r}: give the folder of the images with --images.")
        if self.engine == "memory" and not self.memory.is_file():
            raise InputError(f"no translation memory at {str(self.memory)!r}: name one that exists with --memory.")
        source, out = self.source.resolve(), self.out.resolve()
        if source in (out, *out.parents) or out in source.parents:
            raise InputError(
                f"{str(self.out)!r} is the source itself, or one lies inside the other: give another --out."
            )
        written = {out, self.rejects.resolve(), self.card.resolve()}
        if self.memory.resolve() in {source, *written} or source in written:
            raise InputError(
                f"{str(self.memory)!r} can't be the memory and a data file at once: name another --memory."
            )

    def open_format(self) -> Format:
        """Return the format to read and write with.

        Raises:
            ConfigError: There is no such format, or a place can't be read.
            InputError: The source is in no known format, or has no text at any of the places.
        """
        return open_format(self.source, self.format, self.fields, self.image_fields)

    def open_glossary(self) -> Glossary | None:
        """Read the glossary, if there is one."""
        return None if self.glossary is None else Glossary.read(self.glossary)

    def open_phrasebook(self) -> Phrasebook:
        """Read the sentences that are known: the user's, then those that ship.

        Raises:
            InputError: The user's file can't be read.
        """
        source, target = language(self.source_language).bcp47, language(self.target_language).bcp47
        return read_phrasebook(source, target, self.phrasebook)

    def image_folder(self, data_format: Format) -> ImageFolder:
        """Return where the images may be: in the data set itself, where that is a folder."""
        folder = self.source if self.images is None and data_format.is_folder else self.images
        # Absolute, since messages name them: a worker elsewhere has to say the same.
        return ImageFolder(folder and folder.absolute(), self.source.absolute().parent, self.images_anywhere)
