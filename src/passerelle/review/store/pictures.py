"""Pictures of a campaign: read safely, bounded, encoded anew, kept in the database under a name that nobody guesses."""

from __future__ import annotations

import io
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from passerelle.pictures.opening import open_picture
from passerelle.review.store.schema import StoredPicture
from passerelle.review.store.tokens import new_key
from passerelle.runs import file_hash

LONGEST_SIDE = 1024
QUALITY = 88


def store_picture(session: Session, campaign: int, path: Path) -> int:
    """Keep a picture, once; return its number.

    Raises:
        InputError: It is missing, no picture, broken or too large.
    """
    from PIL import Image

    image = open_picture(path)
    source_hash = file_hash(path)
    query = select(StoredPicture.id).where(
        StoredPicture.campaign_id == campaign, StoredPicture.source_hash == source_hash
    )
    known = session.scalar(query)
    if known is not None:
        return known
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    # A new picture of the pixels alone: neither metadata nor anything else of the file comes along.
    Image.frombytes("RGB", image.size, image.tobytes()).save(encoded, "JPEG", quality=QUALITY, optimize=True)
    stored = StoredPicture(
        campaign_id=campaign,
        key=new_key(),
        source_hash=source_hash,
        name=path.name,
        jpeg=encoded.getvalue(),
        width=image.width,
        height=image.height,
    )
    session.add(stored)
    session.flush()
    return stored.id
