"""What a test was made of, so that whoever runs it again knows whether it is the same."""

from __future__ import annotations

from typing import Any

from passerelle.evaluation.reading import Test
from passerelle.runs import content_hash


def checksum_of(test: Test) -> dict[str, Any]:
    """Return how many questions a test in one language has, and hashes of these and of their pictures.

    Args:
        test: The test.

    Returns:
        ``benchmark``, ``language``, ``questions``, ``pictures``; ``sha256`` of the questions' words, options and right
        answers; ``pictures_sha256`` of the pictures' content, ``None`` where nothing was asked about them.
    """
    rows = [[item.id, item.question, list(item.options), item.correct, list(item.references)] for item in test.items]
    keys = sorted({str(item.picture) for item in test.items if item.picture})
    return {
        "benchmark": test.name,
        "language": test.language,
        "questions": len(rows),
        "pictures": len(keys),
        "sha256": content_hash(sorted(rows, key=lambda row: str(row[0]))),
        "pictures_sha256": content_hash(keys) if test.pictures else None,
    }
