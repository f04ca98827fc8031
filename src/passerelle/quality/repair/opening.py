"""Repair a translated file with all that this takes: engines, dictionaries, the scorer, the memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from passerelle.languages.phrasebook import read_phrasebook
from passerelle.quality.assessing import Assess
from passerelle.quality.engines import Engines
from passerelle.quality.evidence.freedict import WordTable
from passerelle.quality.pairs import Paired, only_kinds
from passerelle.quality.repair.candidates import Pool
from passerelle.quality.repair.choice_trees import open_scorer
from passerelle.quality.repair.choose import LinearScorer
from passerelle.quality.repair.files import repair_file
from passerelle.quality.repair.repair import Repairer
from passerelle.translation.engines.apertium import ApertiumTranslator
from passerelle.translation.engines.registry import make_engine, make_post_editor
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.safe import SafeTranslator


@dataclass(frozen=True)
class RepairOptions:
    """How a translation is repaired.

    Attributes:
        good: Pairs of at least this probability stay as they are.
        engines: More engines for candidates.
        glossary: CSV file of terms that translations must keep.
        phrasebook: TOML file of sentences that are known, before those that ship.
        editor: Specification of a model that corrects what stays doubtful; empty: none.
        editor_options: Its options.
        shipped_trees: Choose by the trees that ship, or by weights alone: the trees were fitted on the example's
            captions, and could repeat them.
        only: Kinds of texts that are repaired, of `passerelle.quality.base.TEXT_KINDS`; none: all.
    """

    good: float = 0.7
    engines: tuple[str, ...] = ()
    glossary: Path | None = None
    phrasebook: Path | None = None
    editor: str = ""
    editor_options: Mapping[str, Any] = field(default_factory=dict)
    shipped_trees: bool = True
    only: tuple[str, ...] = ()


def repair(
    paired: Paired, assess: Assess, memory: Path, out: Path, options: RepairOptions, engines: Engines | None = None
) -> dict[str, Any]:
    """Repair a translated file.

    Args:
        paired: The files.
        assess: Estimates pairs.
        memory: File of the translation memory.
        out: The file to write; ``review.jsonl`` is written beside it.
        options: How.
        engines: What `assess` has its checks translate with; candidates are made by the same.

    Returns:
        Counts and paths.

    Raises:
        UserError: Something that the user can put right.
        RunError: An engine or a check failed.
        StorageError: A file or the memory can't be written.
    """
    paired = only_kinds(paired, options.only)
    terms = Glossary.read(options.glossary) if options.glossary else None
    codes = paired.languages
    known = read_phrasebook(*codes, options.phrasebook)
    engines = engines or Engines()
    makers = {**engines.through(*codes), **{spec: make_engine(spec, *codes) for spec in options.engines}}
    book, usual = WordTable(*codes), ApertiumTranslator(*codes)
    scorer = open_scorer(*codes, book, engines) if options.shipped_trees else LinearScorer(book)
    with TranslationMemory(memory) as opened:
        repairer = Repairer(
            Pool(makers, book),
            scorer,
            assess,
            opened,
            usual.signature,
            options.good,
            safe=SafeTranslator(usual, glossary=terms, phrasebook=known) if terms else None,
            glossary=terms,
            editor=make_post_editor(options.editor, *codes, **options.editor_options) if options.editor else None,
            phrasebook=known,
        )
        found = repair_file(paired, repairer, opened, out, options.good)
    asked = {name: asdict(taken) for name, taken in assess.taken.items()}
    return {**found, "asked": asked, **({"phrasebook": f"{known.own} ({known.digest})"} if known.own else {})}
