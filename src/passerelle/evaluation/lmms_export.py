"""`passerelle export lmms-eval`: benchmarks as lmms-eval's tasks, and a plugin for this package's models."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template

from passerelle.errors import ConfigError, MissingDependency, to_install
from passerelle.evaluation.asking.prompts import prompt_of
from passerelle.evaluation.benchmarks.scoring import GENERATE
from passerelle.evaluation.lmms_tasks import item_text
from passerelle.evaluation.parsing.published import LETTERS
from passerelle.evaluation.reading import Test, read_test
from passerelle.evaluation.specification import Planned, parse_languages, parse_sources
from passerelle.runs import write_atomically

PLUGIN = "passerelle_lmms_eval"
_INIT = '''"""Passerelle's models for lmms-eval."""

from lmms_eval.models.registry_v2 import ModelManifest

manifest = ModelManifest("passerelle", simple_class_path="passerelle_lmms_eval.models.passerelle.Passerelle")
'''
_MODELS = '''"""Models by name, for LMMS_EVAL_PLUGINS=passerelle_lmms_eval."""

AVAILABLE_MODELS = {"passerelle": "Passerelle"}
'''


def export(benchmarks: Sequence[str], languages: str, out: Path, images: Path | None = None) -> list[str]:
    """Write benchmarks as tasks of lmms-eval, with their pictures, and the plugin of the models.

    Args:
        benchmarks: As ``passerelle evaluate`` takes them.
        languages: Codes with commas between.
        out: Folder to write: ``tasks`` is for ``--include_path``, ``plugin`` to be installed.
        images: The image folder.

    Returns:
        The names of the tasks.

    Raises:
        ConfigError: A benchmark can't be scored by lmms-eval.
        MissingDependency: pyarrow isn't installed.
        InputError: A file can't be read.
    """
    codes = parse_languages(languages)
    names = []
    for sources in parse_sources(benchmarks, codes):
        for source in sources:
            plan = Planned((source,), GENERATE, images=images)
            test = read_test(plan, source, out / "pictures", with_pictures=True)
            if test.benchmark.kind == "chat":
                raise ConfigError(f"{test.benchmark.name} needs a judge, which lmms-eval's own task has: use that.")
            names.append(_write_task(test, out / "tasks"))
    _write_plugin(out / "plugin")
    return names


def _write_task(test: Test, folder: Path) -> str:
    name = f"passerelle_{re.sub(r'[^a-z0-9]+', '_', test.benchmark.name)}_{test.language}"
    data = (folder / f"{name}.parquet").resolve()
    write_atomically(data, _rows(test))
    metrics = ("localised", "published") if test.benchmark.kind != "caption" else ("localised",)
    metric = "  - metric: {0}\n    aggregation: !function utils.{0}\n    higher_is_better: true"
    listed = "\n".join(metric.format(each) for each in metrics)
    text = _template("task.yaml").substitute(
        task=name, data=_quoted(str(data)), max_new_tokens=test.benchmark.max_new_tokens, metrics=listed
    )
    write_atomically(folder / f"{name}.yaml", text)
    write_atomically(folder / "utils.py", _template("utils.txt").template)
    return name


def _rows(test: Test) -> bytes:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as missing:
        raise MissingDependency(f"tasks hold Parquet: type {to_install('parquet')}") from missing
    rows = []
    for item in test.items:
        right = LETTERS[item.correct] if test.benchmark.kind == "choice" and item.correct is not None else ""
        said = item.options[item.correct] if item.options and item.correct is not None else ""
        rows.append(
            {
                "id": item.id,
                "language": item.language,
                "benchmark": test.benchmark.name,
                "prompt": prompt_of(item, test.benchmark, False),
                "target": right or said or (item.references[0] if item.references else ""),
                "item": item_text(item),
                "image": test.pictures[str(item.picture)].read_bytes() if item.picture else None,
            }
        )
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def _write_plugin(folder: Path) -> None:
    package = folder / PLUGIN
    write_atomically(folder / "pyproject.toml", _template("pyproject.txt").template)
    write_atomically(package / "__init__.py", _INIT)
    write_atomically(package / "models" / "__init__.py", _MODELS)
    write_atomically(package / "models" / "passerelle.py", _template("model.txt").template)
    # lmms-eval looks for tasks in every plugin named in LMMS_EVAL_PLUGINS.
    write_atomically(package / "tasks" / "__init__.py", '"""The tasks are beside the plugin: --include_path."""\n')


def _template(name: str) -> Template:
    return Template(resources.files("passerelle").joinpath(f"data/lmms_eval/{name}").read_text("utf-8"))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
