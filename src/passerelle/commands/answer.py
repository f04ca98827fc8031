"""``passerelle answer``: one question about one's own picture."""

from __future__ import annotations

from pathlib import Path

import click

from passerelle.commands.language_option import LANGUAGES
from passerelle.commands.printing import print_json
from passerelle.errors import ConfigError


@click.command()
@click.argument("picture", type=click.Path(path_type=Path))
@click.argument("question")
@click.option(
    "--model", default="", help="Who answers, as `passerelle evaluate` names it: RUN:ARM, a folder, …  [embedded]"
)
@click.option("--run", "run", type=click.Path(path_type=Path), help="Run folder, with --arm.")
@click.option("--arm", default="", help="Arm of the run.")
@click.option("--seed", type=int, help="Which of the arm's seeds  [the first].")
@click.option("--language", default="", help="Language of the question  [that of the run, or fr].")
@click.option("--families", type=click.Path(path_type=Path), help="TOML with families of your own.")
@click.option("--max-new-tokens", type=click.IntRange(1, 512), default=40, show_default=True, help="Longest answer.")
@LANGUAGES
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def answer(
    picture: Path,
    question: str,
    model: str,
    run: Path | None,
    arm: str,
    seed: int | None,
    language: str,
    families: Path | None,
    max_new_tokens: int,
    as_json: bool,
) -> None:
    """Ask one QUESTION about your own PICTURE and print what a model, or an arm of a comparison, answers.

    \b
    passerelle answer cat.png "Qu'est-ce que c'est ?" --run runs/demo --arm lora-human
    passerelle answer cat.png "What is this?" --model embedded --language en
    """  # noqa: D301 - click reads the backspace
    from passerelle.evaluation.one_question import ask

    if run:
        from passerelle.runs import read_arms

        read_arms(run)  # says so, if it is none
    if bool(run) != bool(arm):
        raise ConfigError(
            f"which arm of {str(run)!r}? Write --arm with one of {', '.join(read_arms(run))}."
            if run
            else f"which run is {arm!r} an arm of? Write --run RUN --arm {arm}."
        )
    if model and run:
        raise ConfigError("give --model, or --run with --arm: not both.")
    if seed is not None and not run:
        raise ConfigError("--seed is of an arm: give --run and --arm too.")
    who = model or (f"{run}:{arm}" + ("" if seed is None else f":{seed}") if run else "embedded")
    said = ask(picture, question, who, language, max_new_tokens, families)
    if as_json:
        print_json({"model": who, "answer": said})
    else:
        click.echo(said)
