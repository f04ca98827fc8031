"""Secret links: a token is a key that anyone may see and a secret; only its digest is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from passerelle.review.store.schema import Expert

_FORM = re.compile(r"([A-Za-z0-9]{16})-([A-Za-z0-9_-]{43})")
_KEY = re.compile(r"[0-9a-f]{32}")
_NOBODY = "0" * 64


def make_token() -> tuple[str, str, str]:
    """Make a token of 256 random bits.

    Returns:
        The token, its key and its digest. A random secret of this length needs no slow hash.
    """
    key = secrets.token_hex(8)
    token = f"{key}-{secrets.token_urlsafe(32)}"
    return token, key, digest(token)


def new_key() -> str:
    """Return a name that nobody can guess, for what the page calls by name."""
    return secrets.token_hex(16)


def is_key(key: str) -> bool:
    """Say whether a name may be one of `new_key`: no other reaches the database."""
    return _KEY.fullmatch(key) is not None


def digest(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_of(token: str) -> str:
    """Return what a page has to send with each change: other sites can't know it, as they can't read the cookie."""
    return hashlib.sha256(f"csrf/{token}".encode()).hexdigest()


def find_expert(session: Session, token: str) -> Expert | None:
    """Return whose token it is; ``None`` if it is nobody's, or was revoked.

    The digests are compared in constant time, also where the key is unknown.
    """
    form = _FORM.fullmatch(token)
    expert = session.scalar(select(Expert).where(Expert.key == form[1])) if form else None
    known = hmac.compare_digest(expert.digest if expert else _NOBODY, digest(token))
    return expert if expert is not None and known and expert.revoked is None else None
