"""Write the whole comparison as one HTML file that asks nothing of any network."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.errors import StorageError
from passerelle.report import cost_tables, page_tables, plot
from passerelle.report.advice.volume_plot import volume_plot, volume_table
from passerelle.report.contents import Arm, Contents
from passerelle.report.curves import learning_tables
from passerelle.report.curves.learning_plot import TITLES as LEARNING
from passerelle.report.curves.learning_plot import learning_plot
from passerelle.report.curves.losses import loss_plots
from passerelle.report.examples import Example, read_examples
from passerelle.report.explore_table import explore_table
from passerelle.report.parse import as_mapping, as_number, as_text, read_results
from passerelle.report.rendering import language_tag, render
from passerelle.report.summary import summarise
from passerelle.report.svg import inline_svg
from passerelle.report.wording import whole

COLOURS = {
    plot.INK: "ink",
    plot.MUTED: "muted",
    plot.LINE: "line",
    plot.UNTRAINED: "untrained",
    plot.MACHINE: "machine",
    plot.HUMAN: "human",
    plot.REPAIRED: "repaired",
    plot.NATIVE: "native",
    plot.PAPER: "card",
}


def write_page(results: Mapping[str, Any], run_folder: str | Path, path: str | Path) -> Path:
    """Write the report of a run as one self-contained HTML file.

    Args:
        results: What ``results.json`` holds; any field may be missing.
        run_folder: Folder that the examples' pictures are relative to.
        path: The file to write. It is replaced at once, so that a reader never sees half of it.

    Returns:
        `path`.

    Raises:
        StorageError: The file can't be written.
    """
    path = Path(path)
    text = page_text(results, run_folder)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:
            temporary = file.name
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise StorageError(
            f"can't write the report to {str(path)!r}: {error.strerror}. Name a folder that exists and has room."
        ) from error
    return path


def page_text(results: Mapping[str, Any], run_folder: str | Path) -> str:
    """Make the HTML of the report; see `write_page`."""
    from markupsafe import Markup

    contents = read_results(results)
    summary = summarise(contents)
    examples = read_examples(contents, Path(run_folder))
    return render(
        "comparison.html",
        scripts=("page.js", "explore.js"),
        title=contents.name,
        headline=summary.headline,
        warnings=summary.warnings,
        contents=contents,
        language=language_tag(contents.target),
        summary=summary,
        facts=list(_facts(contents)),
        plots={name: Markup(svg) for name, svg in _plots(contents).items()},
        tables=_tables(contents),
        examples=examples,
        sources=sorted({example.source for example in examples}),
        turned={key: _turned(contents, examples, key) for key in ("mended", "lost")},
        provenance=_provenance(contents),
    )


def _turned(contents: Contents, examples: Sequence[Example], key: str) -> list[Arm]:
    """Return the arms that mended, or lost, any example."""
    named = {name for example in examples for name in getattr(example, key)}
    return [arm for arm in contents.arms if arm.name in named]


def _plots(contents: Contents) -> dict[str, str]:
    titles = plot.COSTS if contents.has_ledger else plot.OLDER_COSTS
    drawn: dict[str, tuple[str, str]] = {
        **{str(cost): (plot.cost_plot(contents, cost), title) for cost, title in titles.items()},
        "volume": (volume_plot(contents), "What each arm costs by the number of its answers."),
        "tests": (plot.dumbbell_plot(contents), "Score of each arm on the human and on the machine test."),
    }
    drawn |= {f"learning-{by}": (learning_plot(contents, by), title) for by, title in LEARNING.items()}
    drawn |= {f"loss-{name}": plot for name, plot in loss_plots(contents).items()}
    return {name: inline_svg(svg, f"{name}-", title, COLOURS) for name, (svg, title) in drawn.items() if svg}


def _tables(contents: Contents) -> dict[str, page_tables.Table]:
    made = (
        page_tables.key_table(contents),
        page_tables.tests_table(contents),
        *page_tables.differences_tables(contents),
        page_tables.seeds_table(contents),
        page_tables.scores_table(contents),
        explore_table(contents),
        volume_table(contents),
        cost_tables.right_answers_table(contents),
        cost_tables.ledger_table(contents),
        cost_tables.phases_table(contents),
        cost_tables.work_table(contents),
        cost_tables.training_table(contents),
        learning_tables.learning_table(contents),
        learning_tables.crossings_table(contents),
        learning_tables.looks_table(contents),
    )
    return {table.key: table for table in made if not table.is_empty}


def _facts(contents: Contents) -> Iterator[tuple[str, str]]:
    """Yield the few facts under the title: pairs of a name and a value."""
    data = as_mapping(contents.raw.get("data"))
    pictures = as_mapping(data.get("pictures"))
    for key, title in (("train", "training pictures"), ("test", "test pictures")):
        if as_number(pictures.get(key)) is not None:
            yield title, whole(as_number(pictures.get(key)))
    if as_number(data.get("questions")) is not None:
        yield "questions", whole(as_number(data.get("questions")))
    yield "arm" if len(contents.arms) == 1 else "arms", str(len(contents.arms))
    if contents.seeds:
        yield "seed" if len(contents.seeds) == 1 else "seeds", str(len(contents.seeds))


def _provenance(contents: Contents) -> list[tuple[str, str]]:
    """Write out where the numbers come from: pairs of a heading and YAML."""
    import yaml

    class Plain(yaml.SafeDumper):
        """A dumper that writes anything it doesn't know as text, since old results may hold anything."""

    Plain.add_multi_representer(object, lambda dumper, value: dumper.represent_str(str(value)))
    Plain.ignore_aliases = lambda *_: True  # type: ignore[method-assign]
    signatures = sorted({s.signature for arm in contents.arms for s in arm.scores if s.signature})
    parts = {
        "Versions": contents.raw.get("versions"),
        "Hardware": contents.raw.get("hardware"),
        "Data": contents.raw.get("data"),
        "Configuration": contents.raw.get("config"),
        "Metric signatures": signatures,
    }
    return [
        (title, yaml.dump(part, Dumper=Plain, allow_unicode=True, sort_keys=False, width=100))
        for title, part in parts.items()
        if part
    ] + [("Schema", as_text(contents.raw.get("schema"), "–"))]
