"""Read the rows of a job."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from passerelle.errors import InputError
from passerelle.formats.base import BadRow, Format, Row
from passerelle.formats.images import check_images
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.rejects import Reject


def read_rows(job: Job, data_format: Format) -> Iterator[Row | BadRow]:
    """Read as many rows as the job takes.

    Raises:
        InputError: The file can't be read to its end; or a row is bad, and the job is strict.
    """
    for row in islice(data_format.rows(job.source), job.limit):
        if job.strict and isinstance(row, BadRow):
            raise strict_error(job, Reject.of_bad(row))
        yield row


def count_rows(job: Job, data_format: Format) -> int:
    """Count the rows of a job, before anything is paid for; those of a strict job with a look at their images.

    Raises:
        InputError: As in `read_rows`; or a strict job's image is bad.
    """
    rows, folder = 0, job.image_folder(data_format)
    for row in read_rows(job, data_format):
        if job.strict and isinstance(row, Row) and (problem := check_images(row, folder)) is not None:
            raise strict_error(job, Reject.of_image(row, problem))
        rows += 1
    return rows


def strict_error(job: Job, reject: Reject) -> InputError:
    """Say which row stops a strict run."""
    return InputError(
        f"{job.source}, row {reject.number}: {reject.reason}: {reject.detail}. Put it right, or leave out --strict: "
        f"then such rows are set apart in {str(job.rejects)!r}."
    )
