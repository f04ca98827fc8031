"""The command line: parses, calls, prints. Results go to stdout, progress to stderr."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from passerelle.commands.adapt import adapt
from passerelle.commands.advise import advise
from passerelle.commands.answer import answer
from passerelle.commands.audit import audit
from passerelle.commands.compare import compare
from passerelle.commands.evaluate import evaluate
from passerelle.commands.export import export
from passerelle.commands.gate import gate
from passerelle.commands.languages import languages
from passerelle.commands.memory import memory
from passerelle.commands.plan import plan
from passerelle.commands.printing import print_json
from passerelle.commands.quality import quality
from passerelle.commands.repair import repair
from passerelle.commands.report import report
from passerelle.commands.reproduce import reproduce
from passerelle.commands.review import review as review_commands
from passerelle.commands.setup import setup
from passerelle.commands.translate import translate
from passerelle.errors import PasserelleError

INTERRUPTED = 130


class Commands(click.Group):
    """A group whose commands turn Passerelle's own errors into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except PasserelleError as error:
            _fail(str(error), error.exit_code)
        except KeyboardInterrupt:
            _fail("stopped. What is finished is kept: the same command goes on from there.", INTERRUPTED)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"passerelle: {message}", err=True)
    sys.stdout.flush()
    sys.exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="passerelle", prog_name="passerelle")
def main() -> None:
    """Adapt an English vision-language model to French or another language, and see which way is best.

    \b
    Begin with:
      passerelle doctor                         what is installed, what is missing
      passerelle compare experiments/demo.yaml  all ways of adapting, compared
      passerelle answer PICTURE "Qu'est-ce que c'est ?" --run runs/demo --arm lora-human
      passerelle translate en.json --to fr --out fr.json   a data set, in its own format
    """  # noqa: D301 - click reads the backspace


@main.command()
@click.option("--target", default="fr", show_default=True, help="Language to adapt to.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(target: str, as_json: bool) -> None:
    """Say what is installed, what is missing and how to get it; exit code 1 if something needed is missing."""
    import dataclasses

    from passerelle.doctor import diagnose

    findings = diagnose(target)
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        marks = {"ok": "ok     ", "warning": "warning", "missing": "MISSING"}
        for finding in findings:
            click.echo(f"{marks[finding.status]}  {finding.name}: {finding.detail}")
            if finding.how_to_get:
                click.echo(f"         → {finding.how_to_get}")
    sys.exit(1 if any(finding.status == "missing" for finding in findings) else 0)


main.add_command(adapt)
main.add_command(advise)
main.add_command(answer)
main.add_command(audit)
main.add_command(compare)
main.add_command(evaluate)
main.add_command(export)
main.add_command(gate)
main.add_command(languages)
main.add_command(memory)
main.add_command(plan)
main.add_command(quality)
main.add_command(repair)
main.add_command(report)
main.add_command(reproduce)
main.add_command(review_commands)
main.add_command(setup)
main.add_command(translate)


@main.group()
def base() -> None:
    """The embedded English base."""


@base.command()
def assemble() -> None:
    """Put the base together from its packages and the learnt weights, once; prints its folder."""
    from passerelle.example.embedded import assemble as run
    from passerelle.example.embedded import base_folder, is_assembled

    if not is_assembled(base_folder()):
        click.echo("putting the embedded base together (once, about half a minute)", err=True)
        from passerelle.progress import quiet

        quiet()
    click.echo(run())
