"""`passerelle adapt`: any vision-language model, by a method that is a list of stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from passerelle.commands.printing import print_json

SMOKE: dict[str, Any] = {"max_steps": 4, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 1}


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("changes", nargs=-1, type=click.UNPROCESSED)
@click.option("--auto-batch", is_flag=True, help="Halve a batch that memory doesn't hold, and go on.")
@click.option("--families", type=click.Path(path_type=Path), help="TOML with families of your own  [beside CONFIG].")
@click.option(
    "--dry-run", is_flag=True, help="Say what was found and would be trained; read no weights, write nothing."
)
@click.option("--smoke", is_flag=True, help="A few steps on a few samples, to see that all fits together.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON on stdout.")
def adapt(
    config: Path,
    changes: tuple[str, ...],
    auto_batch: bool,
    families: Path | None,
    dry_run: bool,
    smoke: bool,
    as_json: bool,
) -> None:
    """Adapt the model of a CONFIG file to a language.

    Settings of the file are changed by --key value, nested ones with dots:

    \b
      passerelle adapt adapt.yaml
      passerelle adapt adapt.yaml --method two-stage --max_steps 500 --mix.english 0.2
      torchrun --nproc_per_node 2 -m passerelle adapt adapt.yaml     # several processes

    Before the first step it prints which parts are trained and what is learnt of a few samples. Stopped anywhere,
    the same command goes on. Methods: lora, two-stage, full, text-regularized, merged; or stages of your own.
    """  # noqa: D301 - click reads the backspace
    from passerelle.adaptation.settings import load_adaptation
    from passerelle.config import merge

    given = _changes(changes)
    if auto_batch:
        given["auto_batch"] = True
    if families:
        given["families"] = families
    settings = load_adaptation(config, merge(SMOKE, given) if smoke else given)
    if smoke:
        folder = settings.output_dir
        settings = settings.model_copy(update={"output_dir": folder.with_name(f"{folder.name}-smoke")})
    if dry_run:
        from passerelle.adaptation.plan import plan, print_plan

        planned = plan(settings)
        print_json(planned) if as_json else print_plan(planned)
        return
    from passerelle import machine

    machine.spare_imports()
    from passerelle.adaptation.run import adapt as run
    from passerelle.adaptation.summary import print_summary

    record = run(settings)
    if "outputs" not in record:  # not the first of several processes
        return
    if as_json:
        print_json(record)
    else:
        print_summary(record)


def _changes(words: tuple[str, ...]) -> dict[str, Any]:
    """Return ``--key value`` pairs as nested settings; values are read as YAML."""
    from passerelle.config import merge, parse_yaml

    changes: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise click.UsageError(f"{word!r} isn't a setting: write --key value, for example --max_steps 100.")
        if not equals:
            if not rest:
                raise click.UsageError(f"--{name} has no value: write --{name} VALUE.")
            value = rest.pop(0)
        try:
            setting: Any = parse_yaml(value)
        except ValueError:
            setting = value
        for part in reversed(name.split(".")):
            setting = {part: setting}
        changes = merge(changes, setting)
    return changes
