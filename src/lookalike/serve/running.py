"""The server as a process: a socket, an application, and a clean end."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    import uvicorn

PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "onnxruntime")
BACKLOG = 2048
"""Connections that may wait to be accepted."""
PATIENCE = 2
"""Seconds that open connections have at the end."""


def serve_forever(
    gallery: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    runs: tuple[Path, ...] = (),
    denoiser: Path | None = None,
    token: str | None = None,
    hosts: tuple[str, ...] = (),
    seed: int = 0,
    apply: bool | None = None,
    largest_upload: int = 16 * 2**20,
    listening: Callable[[dict[str, Any], str], object] = lambda _, text: print(text),
) -> None:
    """Serve until the process is told to end; `listening` is told the address, as JSON values and as text.

    Raises:
        MissingExtraError: the packages of the extra are not installed.
        GalleryError, RunError: the gallery or a run cannot be used.
        OptionError: the address cannot be listened on, or an option is out of range.
    """
    if not all(find_spec(name) for name in PACKAGES):
        raise MissingExtraError("serve", "the studio")
    from lookalike.serve.app import make_app
    from lookalike.serve.settings import StudioSettings, is_loopback

    drawn = secrets.token_urlsafe(24) if token is None and not is_loopback(host) else None
    given = token if token is not None else drawn
    settings = StudioSettings(gallery, host, given, hosts, denoiser, runs, seed, apply, largest_upload)
    listener = listen(host, port)
    try:
        app = make_app(settings)
    except BaseException:
        listener.close()
        raise
    address = _address(host, listener.getsockname()[1])
    payload = {"url": address, "token": given}
    listening(payload, f"the studio is at {address}{f'?token={given}' if given else ''}  (Ctrl-C ends it)")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):  # the usual way to end it
        server_of(app).run(sockets=[listener])


def server_of(app: Any) -> uvicorn.Server:
    """A server that says nothing of itself, trusts no proxy's headers, and ends within seconds."""
    import uvicorn

    config = uvicorn.Config(
        app,
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=PATIENCE,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_no_cut_off)
    return uvicorn.Server(config)


def _is_no_cut_off(record: logging.LogRecord) -> bool:
    """Not what the end of the server cut off: that is no fault, and its traceback would look like one."""
    kind = record.exc_info[0] if record.exc_info else None
    return not (kind is not None and issubclass(kind, asyncio.CancelledError))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; bound here, so that a port in use is one clear line."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        reason = error.strerror or error
        raise OptionError(f"{host}:{port} cannot be listened on ({reason}); give another --port or --host") from error
    return listener


def _address(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"
