"""``passerelle report``: runs put together, and written where that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from passerelle.errors import ConfigError
from passerelle.report.several.together import Several, put_together
from passerelle.report.several.writing import write_several, writer_of
from passerelle.runs import RESULTS, open_results


def report_runs(given: Sequence[tuple[str, Path]], out: Path | None = None) -> Several:
    """Put runs together and write them; one run as HTML is its own report, written anew.

    Args:
        given: The name of each, empty where it has none, and its folder or ``results.json``.
        out: The file: ``.html``, ``.md``, ``.csv`` or ``.json``; ``None``: nothing is written.

    Raises:
        ConfigError: The file's ending is another, or it holds results that are reported on.
        UserError: There is nothing at a path, a run is given twice, or none can be read.
        StorageError: The file can't be written.
    """
    if out is not None:
        writer_of(out)
        _refuse_results(out, [place for _, place in given])
    if out is not None and len(given) == 1 and out.suffix.lower() in (".html", ".htm"):
        _own_page(given[0][1], out)
        return put_together(given)
    several = put_together(given)
    if out is not None:
        write_several(several, out)
    return several


def _refuse_results(out: Path, places: Sequence[Path]) -> None:
    known = {(place / RESULTS if place.is_dir() else place).resolve() for place in places}
    if out.resolve() in known:
        raise ConfigError(f"{str(out)!r} holds the results that are reported on: write to another file.")


def _own_page(place: Path, out: Path) -> None:
    from passerelle.report import write_page
    from passerelle.report.evaluated.page import write_evaluation_page

    found = open_results(place)
    if found.kind == "evaluation":
        write_evaluation_page(found.content, found.folder, out)
    else:
        write_page(found.content, found.folder, out)
