"""Serve the review page."""

from __future__ import annotations

import logging
import socket

from passerelle.errors import InputError, MissingDependency, to_install
from passerelle.review.page.web import make_app
from passerelle.review.store.database import Database


def serve(database: Database, host: str, port: int, *, https: bool = False) -> None:
    """Serve until somebody stops it.

    Requests aren't logged: their paths hold tokens. Who entered is in the audit log.

    Args:
        database: Where the campaigns are.
        host: Address to listen at.
        port: Port; 0 for a free one.
        https: The page is reached by HTTPS, through a proxy that ends it.

    Raises:
        InputError: The port is taken, or may not be opened.
        MissingDependency: uvicorn isn't installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise MissingDependency(f"serving needs more packages: {to_install('review')}") from error
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise InputError(f"can't listen at {host}:{port}: {error.strerror}. Give another --port.") from None
    from passerelle.review.page.patience import PatientProtocol

    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        make_app(database, https=https), access_log=False, log_level="warning", server_header=False, lifespan="off",
        http=PatientProtocol,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])
