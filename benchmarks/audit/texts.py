"""Texts and what people translated them to, out of files of seven kinds."""

from __future__ import annotations

import bz2
import csv
import gettext
import gzip
import hashlib
import lzma
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from passerelle.example import emoji, splits, tuxpaint
from passerelle.example.concepts import concept

WORDS = range(1, 41)
NEIGHBOURS = 5
"""Lines of a test set that may be of one article."""
_PROGRAM = re.compile(r"[%\n\t\x04<>{}\\$_|=@^~`&#*]|--|://|\b\w+\(|\b[a-z]+\.[a-z]+\b|\b[A-Z]{3,}\b.*\b[A-Z]{3,}\b")
_LETTER = re.compile(r"[^\W\d_]{2}")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^\W\d_a-zà-ÿ])")
_PO = re.compile(r'^(msgid|msgstr|msgid_plural|msgstr\[\d\]|msgctxt)?\s*"(.*)"$')
_ROFF = {"aq": "'", "cq": "’", "oq": "‘", "lq": "“", "rq": "”", "co": "©", "em": "—", "en": "–", "bu": "•"}
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\t": "\t", "\\\\": "\\"}


@dataclass(frozen=True)
class Text:
    """A text and its translation by a person.

    Attributes:
        english: The text.
        reference: What a person made of it.
        cluster: Texts that share one aren't independent: a document, a program, a picture.
        kind: ``caption``, ``label``, ``message``, ``description``, ``manual``, ``question``, ``option``,
            ``sentence``.
        id: Names the text; made of both texts where the source has no name for it.
        made: What engines made of it, by their names, where the source has that.
    """

    english: str
    reference: str
    cluster: str
    kind: str
    id: str = ""
    made: Mapping[str, str] = field(default_factory=dict)


def usable(found: Iterable[Text], source: str) -> Iterator[Text]:
    """Yield each text once that is 1 to 40 words of plain language, with an id and with its kind.

    Left out are texts with a program's marks, and those that people left as they are.
    """
    seen = set()
    for text in found:
        english, reference = (" ".join(_bare(side).split()) for side in (text.english, text.reference))
        if (
            english.lower() == reference.lower()
            or english.lower() in seen
            or not _LETTER.search(english)
            or not (_LETTER.search(reference) or text.made)
            or _PROGRAM.search(english + " " + reference)
            or len(english.split()) not in WORDS
            or len(reference.split()) > 2 * max(WORDS)
            or english == english.upper()
        ):
            continue
        seen.add(english.lower())
        name = text.id or f"{source}-{hashlib.sha256(f'{english}/{reference}'.encode()).hexdigest()[:10]}"
        yield replace(text, english=english, reference=reference, id=name, kind=_kind(english, text.kind))


def _bare(text: str) -> str:
    """Take a menu's mark for a key away, and a manual page's for type."""
    return re.sub(r"(?<!\w)&(?=\w)|(?<=\w)&(?=\w)|\(&\w\)", "", text).replace("\N{NO-BREAK SPACE}", " ")


def _kind(english: str, usual: str) -> str:
    if english.endswith("?"):
        return "question"
    return "label" if usual == "message" and len(english.split()) <= 3 and english[-1] not in ".!:" else usual


def evaluated(folder: Path, name: str, code: str) -> Iterator[Text]:
    """Yield a test set of translation engines, with what each engine made of it; people's may be missing.

    Args:
        folder: Has a folder ``en-xx`` of files ``NAME.en``, ``NAME.xx`` and ``NAME.ENGINE.xx``, a line a text.
        name: Of the set.
        code: Of the translations' language. Nothing is yielded where the set isn't there in it.
    """
    here = folder / f"en-{code}"
    if not (here / f"{name}.en").is_file():
        return
    english, *others = (
        path.read_text(encoding="utf-8").splitlines()
        for path in (here / f"{name}.en", *sorted(here.glob(f"{name}.*.{code}")))
    )
    engines = [path.name.split(".")[1] for path in sorted(here.glob(f"{name}.*.{code}"))]
    people = here / f"{name}.{code}"
    known = people.read_text(encoding="utf-8").splitlines() if people.is_file() else [""] * len(english)
    for number, (text, reference, *made) in enumerate(zip(english, known, *others, strict=True)):
        by = dict(zip(engines, made, strict=True))
        yield Text(text, reference, f"{name} {number // NEIGHBOURS}", "sentence", f"{name}-{number}", by)


def catalogue(path: Path, kind: str = "message") -> Iterator[Text]:
    """Yield what a gettext catalogue (``.mo``) has."""
    try:
        with path.open("rb") as file:
            found: dict[Any, str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    except (OSError, UnicodeDecodeError, ValueError):
        return
    for text, translation in found.items():
        if isinstance(text, str) and text and translation:
            yield Text(text.rpartition("\x04")[2], translation, path.stem, kind)


def po_file(text: str, cluster: str, kind: str) -> Iterator[Text]:
    """Yield what a gettext source (``.po``) has, without what is fuzzy or has a plural."""
    for block in re.split(r"\n\s*\n", text):
        if "#, fuzzy" in block or "msgid_plural" in block or "\n#~" in block:
            continue
        parts: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if match := _PO.match(line):
                name = match[1] or name
                parts[name] = parts.get(name, "") + re.sub(r"\\.", lambda mark: _ESCAPES.get(mark[0], ""), match[2])
        if parts.get("msgid") and parts.get("msgstr"):
            yield Text(parts["msgid"], parts["msgstr"], cluster, kind)


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """Yield the stanzas of a Debian control file: field names with values, lines kept."""
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line[:1] == " " and name:
                fields[name] += "\n" + line[1:]
            elif ":" in line:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        if fields:
            yield fields


def descriptions(english: Path, other: Path, code: str) -> Iterator[Text]:
    """Yield packages' short descriptions, and sentences of long ones that have as many in both languages."""
    known = {one["Description-md5"]: one["Description-en"] for one in stanzas(unpacked(english)) if len(one) > 2}
    for one in stanzas(unpacked(other)):
        translated, text = one.get(f"Description-{code}"), known.get(one.get("Description-md5", ""))
        if translated is None or text is None:
            continue
        cluster = one["Package"].split("-")[0]
        for place, sides in enumerate(zip(paragraphs(text), paragraphs(translated), strict=False)):
            if place == 0:
                yield Text(*sides, cluster, "caption")
            elif len(paragraphs(text)) == len(paragraphs(translated)):
                yield from sentences(*sides, cluster, "description")


def paragraphs(text: str) -> list[str]:
    """Split a description into its first line and its paragraphs; lists are left out."""
    first, _, rest = text.partition("\n")
    long = [part for part in re.split(r"\n\.\n", f"\n{rest}\n")]
    return [first, *("" if re.search(r"^\s+|^[*-]", part.strip("\n"), re.M) else part for part in long)]


def sentences(english: str, reference: str, cluster: str, kind: str) -> Iterator[Text]:
    """Yield sentences one by one where both sides have as many and each is about as long as the other."""
    both = [_SENTENCE.split(" ".join(side.split())) for side in (english, reference)]
    if len(both[0]) == len(both[1]):
        for one, other in zip(*both, strict=True):
            if one and other and 0.5 < len(other) / len(one) < 2.5:
                yield Text(one, other, cluster, kind)


def components(path: Path, code: str) -> Iterator[Text]:
    """Yield summaries of programs and captions of their pictures, as a Debian archive's component file has them."""
    for block in unpacked(path).split("\n---\n"):
        name = re.search(r"^ID: (.+)$", block, re.M)
        if name is None:
            continue
        for kind, mark in (("description", r"^Summary:$\n((?:  .*\n)+)"), ("caption", r"caption:$\n((?:    .*\n)+)")):
            for match in re.finditer(mark, block + "\n", re.M):
                found = dict(re.findall(r"^ +([\w@]+): (.+)$", match[1], re.M))
                if "C" in found and code in found:
                    yield Text(_scalar(found["C"]), _scalar(found[code]), name[1], kind)


def _scalar(value: str) -> str:
    return value[1:-1].replace("''", "'") if value[:1] == "'" == value[-1:] else value


def templates(text: str, package: str, code: str) -> Iterator[Text]:
    """Yield a package's questions, what may be chosen, and explanations, of its ``templates`` file."""
    for one in stanzas(text):
        translated = one.get(f"Description-{code}.UTF-8")
        if translated and "Description" in one:
            first = [side.partition("\n")[0] for side in (one["Description"], translated)]
            rest = [re.split(r"\n\.\n", side.partition("\n")[2]) for side in (one["Description"], translated)]
            yield Text(first[0], first[1], package, "question" if first[0].endswith("?") else "caption")
            if len(rest[0]) == len(rest[1]):
                for parts in zip(*rest, strict=True):
                    yield from sentences(*parts, package, "description")
        choices = [re.split(r"(?<!\\),\s*", one.get(key, "")) for key in ("__Choices", f"Choices-{code}.UTF-8")]
        choices[0] = choices[0] if one.get("__Choices") else re.split(r"(?<!\\),\s*", one.get("Choices", ""))
        if len(choices[0]) == len(choices[1]):
            for english, reference in zip(*choices, strict=True):
                yield Text(english.strip(), reference.strip(), package, "option")


def manual(english: str, other: str, cluster: str) -> Iterator[Text]:
    """Yield sentences of a manual page and its translation, of sections that have as many paragraphs in both."""
    both = [re.split(r"^\.SH .*$", page, flags=re.M)[1:] for page in (english, other)]
    if len(both[1]) - len(both[0]) not in (0, 1):  # the translators' own section comes last
        return
    for sections in zip(*both, strict=False):
        sides = [_paragraphs_of_roff(section) for section in sections]
        if len(sides[0]) == len(sides[1]):
            for one in zip(*sides, strict=True):
                yield from sentences(*one, cluster, "manual")


def _paragraphs_of_roff(section: str) -> list[str]:
    """Return a section's paragraphs as plain text."""
    text = re.sub(r"^\.(?:[BI]|BR|IR|RB|RI|BI|IB) +", "", re.sub(r'^[.\']\\".*\n', "", section, flags=re.M), flags=re.M)
    found = re.split(r"^\..*$|^\s*$", text, flags=re.M)
    return [" ".join(_untyped(one).split()) for one in found if one.strip()]


def _untyped(text: str) -> str:
    """Return a text without roff's fonts and names of characters."""
    text = re.sub(r"\\f(?:\(..|\[.*?\]|.)|\\[&:/,%|^]|\\s[-+]?\d", "", text)
    text = re.sub(r"\\\((aq|cq|oq|lq|rq|co|em|en|bu)", lambda mark: _ROFF[mark[1]], text)
    return text.replace("\\-", "-").replace("\\ ", " ").replace("\\~", " ").replace("\\e", "\\")


def stamps(side: str, code: str) -> Iterator[Text]:
    """Yield the captions of one side of Tux Paint's stamps."""
    sides = splits.stored()
    for path in sorted(tuxpaint.FOLDER.rglob("*.txt")):
        name = f"stamps/{path.relative_to(tuxpaint.FOLDER).with_suffix('').as_posix()}"
        found = tuxpaint.read_captions(path)
        if sides.get(name) == side and "en" in found and code in found:
            yield Text(found["en"], found[code], concept(found["en"]), "caption")


def emoji_names(code: str) -> Iterator[Text]:
    """Yield CLDR's names of emoji."""
    english, other = emoji.read_names("en"), emoji.read_names(code)
    for characters, name in english.items():
        if characters in other:
            yield Text(name, other[characters], characters, "label")


def table(path: Path, code: str) -> Iterator[Text]:
    """Yield a table's captions; its columns are ``id``, ``en`` and the language's."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if code in row:
                yield Text(row["en"], row[code], row["id"], "caption", row["id"])


def unpacked(path: Path) -> str:
    """Return a file's text, uncompressed."""
    opened = {".bz2": bz2.open, ".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    with opened(path, "rt", encoding="utf-8", errors="replace") as file:
        return str(file.read())
