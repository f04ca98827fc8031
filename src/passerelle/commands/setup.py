"""``passerelle setup``: installs what a task needs, and says before what that is."""

from __future__ import annotations

import sys

import click


@click.command()
@click.argument("target", default="demo")
@click.option("--to", "language", default="fr", show_default=True, help="Language to adapt to.")
@click.option("--dry-run", is_flag=True, help="Say what is missing; install nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def setup(target: str, language: str, dry_run: bool, yes: bool) -> None:
    """Install what TARGET needs: demo, quality, review, test, or one thing, as parquet or wandb  [demo].

    First it looks what is there and says what it would install. It installs into this environment, and packages of
    Debian by apt; PASSERELLE_SKIP_DEBIAN=1 leaves those to you. cometkiwi and metricx get environments of their own.
    """
    from passerelle.setting_up import find_missing, install

    missing = find_missing(target, language)
    if not missing:
        click.echo(f"all is there for {target}.")
        return
    click.echo(f"{'missing' if dry_run else 'to be installed'} for {target}:")
    for line in missing.lines:
        click.echo(f"  {line}")
    if dry_run:
        sys.exit(1)
    if not yes and sys.stdin.isatty():
        click.confirm("install them?", default=True, abort=True)
    install(missing)
    click.echo(f"ready for {target}.")
