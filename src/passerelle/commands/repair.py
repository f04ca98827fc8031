"""``passerelle repair``: better translations in the order of cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from passerelle.commands.engine_options import engine_options
from passerelle.commands.printing import print_json
from passerelle.commands.quality_options import CALIBRATION, FILE, reading


@click.command()
@click.argument("source", type=FILE)
@click.argument("translated", type=FILE, required=False)
@reading
@click.option("--good", type=click.FloatRange(0, 1), default=0.7, show_default=True, help="Pairs from here on stay.")
@click.option("--engine", "more", multiple=True, help="One more engine for candidates; may be given again.")
@click.option("--glossary", type=FILE, help="CSV file of terms that translations must keep: term,translation.")
@click.option("--post-edit", "editor", default="", help="Model that corrects what stays doubtful: openai:MODEL@URL.")
@click.option(
    "--post-edit-option", "editor_options", callback=engine_options, multiple=True,
    help="most_tokens=20000; may be given again.",
)  # fmt: skip
@click.option("--memory", "at", type=FILE, help="Translation memory  [the one in the cache].")
@click.option("--out", type=FILE, required=True, help="File to write; review.jsonl is written beside it.")
@CALIBRATION
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def repair(
    source: Path,
    translated: Path | None,
    good: float,
    more: tuple[str, ...],
    glossary: Path | None,
    editor: str,
    editor_options: dict[str, Any],
    at: Path | None,
    out: Path,
    calibration: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Repair TRANSLATED, the translation of SOURCE: from the memory, then by choosing among many candidates.

    What stays doubtful goes to review.jsonl, ordered by what a person's minute is expected to gain.
    """
    from passerelle.quality.estimate.calibrated import open_assess
    from passerelle.quality.repair.candidates import Pool
    from passerelle.quality.repair.choice_trees import open_scorer
    from passerelle.quality.engines import pivot_engines
    from passerelle.quality.evidence.freedict import WordTable
    from passerelle.quality.pairs import PairOptions, read_pairs
    from passerelle.quality.repair.repair import Repairer
    from passerelle.quality.repair.files import repair_file
    from passerelle.runs import cache_folder
    from passerelle.translation.engines.apertium import ApertiumTranslator
    from passerelle.translation.engines.registry import make_engine, make_post_editor
    from passerelle.translation.protection.glossary import Glossary
    from passerelle.translation.memory.memory import TranslationMemory
    from passerelle.translation.protection.safe import SafeTranslator

    terms = Glossary.read(glossary) if glossary else None
    paired = read_pairs(source, translated, PairOptions(**options))
    codes = paired.pairs[0].source_language, paired.pairs[0].target_language
    assess = open_assess(*codes, calibration)
    engines = {**pivot_engines(*codes), **{spec: make_engine(spec, *codes) for spec in more}}
    book = WordTable(*codes)
    usual = ApertiumTranslator(*codes)
    with TranslationMemory(at or cache_folder() / "translations.sqlite") as memory:
        repairer = Repairer(
            Pool(engines, book),
            open_scorer(*codes, book),
            assess,
            memory,
            usual.signature,
            good,
            safe=SafeTranslator(usual, glossary=terms) if terms else None,
            glossary=terms,
            editor=make_post_editor(editor, *codes, **editor_options) if editor else None,
        )
        result = repair_file(paired, repairer, memory, out, good)
    if as_json:
        print_json(result)
        return
    for name, value in result.items():
        click.echo(f"{name:15} {value}")
