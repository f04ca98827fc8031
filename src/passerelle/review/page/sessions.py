"""Who is asking: the cookie, the token behind it, and what guards changes against other sites."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request

from passerelle.review.page.security import RateLimit
from passerelle.review.store.campaign import log
from passerelle.review.store.database import Database
from passerelle.review.store.schema import Expert
from passerelle.review.store.tokens import csrf_of, find_expert

COOKIE_DAYS = 90
_OWN_SITE = ("same-origin", "none")


class Refused(Exception):
    """A request that isn't served.

    Attributes:
        status: The HTTP status.
        text: Key of the text that says why.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass
class Visit:
    """A request by somebody who is known."""

    expert: Expert
    csrf: str
    session: Session

    def need_expert(self) -> Expert:
        """Return the expert.

        Raises:
            Refused: It is the organiser, who has no work.
        """
        if self.expert.is_admin:
            raise Refused(404, "not_found")
        return self.expert

    def need_admin(self) -> Expert:
        """Return the organiser.

        Raises:
            Refused: It is an expert, for whom there is no such page.
        """
        if not self.expert.is_admin:
            raise Refused(404, "not_found")
        return self.expert


class Door:
    """Lets in whoever has a valid token.

    Attributes:
        cookie: Name of the cookie that holds the token; the prefix binds it to this host where there is HTTPS.
    """

    def __init__(self, database: Database, *, https: bool, per_second: float = 20.0, burst: int = 100) -> None:
        """Take the database, and whether the page is reached by HTTPS.

        Args:
            database: Where experts are.
            https: Send the cookie by HTTPS only.
            per_second: Requests of one expert, on average.
            burst: Requests of one expert at once.
        """
        self.cookie = "__Host-review" if https else "review"
        self._database, self._https = database, https
        self._requests = RateLimit(per_second, burst)
        # Whoever guesses tokens gets twenty tries, then one in two seconds: 2^256 need longer.
        self._failures = RateLimit(0.5, 20)

    def enter(self, token: str, request: Request) -> Expert:
        """Check the token of a link, and write down who came.

        Raises:
            Refused: It is nobody's.
        """
        with self._database.write() as session:
            expert = find_expert(session, token)
            if expert is not None:
                log(session, "enter", expert.campaign_id, expert.id)
                session.flush()
                session.expunge(expert)
                return expert
        raise self._failed(request)

    def cookie_settings(self) -> dict[str, Any]:
        """Return how the cookie is set: not for scripts, not for requests that other sites make."""
        return {"httponly": True, "secure": self._https, "samesite": "lax", "path": "/"}

    @contextmanager
    def reading(self, request: Request) -> Iterator[Visit]:
        """Give a visit for looking.

        Raises:
            Refused: Nobody's token, or too many requests.
        """
        with self._database.read() as session:
            yield self._visit(request, session)

    @contextmanager
    def changing(self, request: Request) -> Iterator[Visit]:
        """Give a visit for changing something, which only the page itself can ask for; kept when the block ends.

        Raises:
            Refused: Nobody's token, too many requests, or another site asks.
        """
        with self._database.write() as session:
            visit = self._visit(request, session)
            sent = request.headers.get("x-csrf", "")
            site = request.headers.get("sec-fetch-site", "same-origin")
            if not hmac.compare_digest(sent.encode(), visit.csrf.encode()) or site not in _OWN_SITE:
                raise Refused(403, "no_link_text")
            yield visit

    def _visit(self, request: Request, session: Session) -> Visit:
        token = request.cookies.get(self.cookie, "")
        expert = find_expert(session, token)
        if expert is None:
            raise self._failed(request)
        if not self._requests.allows(expert.key):
            raise Refused(429, "too_fast")
        return Visit(expert, csrf_of(token), session)

    def _failed(self, request: Request) -> Refused:
        source = request.client.host if request.client else ""
        if not self._failures.allows(source):
            return Refused(429, "too_fast")
        return Refused(401, "no_link_text")
