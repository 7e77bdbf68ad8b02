"""One connection to a Milvus for all of a process that speak to it; closed when nobody holds it any more.

An embedded Milvus belongs to the process that opens it first: its file is locked, and a server in a thread of that
process answers on a port of this machine. That process writes the port beside the file, so that others ask there; when
it ends, one of these opens the file in its place.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lookalike import files
from lookalike.errors import GalleryError, MissingExtraError
from lookalike.gallery.stores.milvus.address import TOKEN, is_embedded

SECONDS = 10.0
"""After which a server that does not answer a first call is taken for absent."""
TRIES, PAUSE = 25, 0.2
"""How often, and after how many seconds, the file of an embedded one is tried again that another process is opening."""
FEW = 3
"""Retries of the client, which takes minutes over its own, where the process that is asked may have ended."""
QUIET = {"grpc.keepalive_time_ms": 2**31 - 1, "grpc.keepalive_permit_without_calls": False}
"""Nothing is to be kept alive on one machine, and the embedded server complains of being asked."""
_lock = threading.Lock()
_open: weakref.WeakValueDictionary[str, Connection] = weakref.WeakValueDictionary()


class Connection:
    """A client, with its failures told in one line.

    Args:
        opened: a server's address, or the path of an embedded one.

    Raises:
        MissingExtraError: the client is not installed.
        GalleryError: nobody answers.
    """

    def __init__(self, opened: str) -> None:
        import grpc

        self.opened = opened
        self.is_embedded = is_embedded(opened)
        self.loaded: set[str] = set()
        self._pymilvus = load_pymilvus(self.is_embedded)
        self._failures = (self._pymilvus.MilvusException, grpc.RpcError)
        self._again = threading.Lock()
        self._held = _Held()
        weakref.finalize(self, self._held.close)
        self._connect()

    @property
    def client(self) -> Any:
        """Of pymilvus."""
        return self._held.client

    def ask(self, verb: str, *arguments: Any, **options: Any) -> Any:
        """What the client's method of that name gives.

        Raises:
            GalleryError: it fails.
        """
        held = self._held.client
        few = {"retry_times": FEW} if self._held.is_borrowed else {}
        try:
            return getattr(held, verb)(*arguments, **options, **few)
        except self._failures as error:
            if few and self._has_ended(held):
                return self.ask(verb, *arguments, **options)
            raise GalleryError(f"Milvus at {self.opened} refuses {verb.replace('_', ' ')}: {_line(error)}") from error

    def _has_ended(self, client: Any) -> bool:
        """Whether the process that was asked is gone; then there is another connection."""
        with self._again:
            if self._held.client is not client:  # another thread was quicker
                return True
            try:
                client.list_collections(retry_times=FEW)
            except self._failures:
                self._held.close()
                self._connect()
                return True
            return False

    def _connect(self) -> None:
        self.loaded = set()
        if not self.is_embedded:
            self._held.client = self._client(self.opened, f"is it running, and is {TOKEN} what it asks for?")
            return
        for _ in range(TRIES):
            with _quiet():
                if self._own() or self._borrow():
                    return
            time.sleep(PAUSE)
        raise GalleryError(f"{self.opened} is open in another process, which does not answer; end that process")

    def _own(self) -> bool:
        """Open the file, and tell others where it is answered from now on; False where another process has it."""
        from milvus_lite.server_manager import server_manager_instance

        Path(self.opened).parent.mkdir(parents=True, exist_ok=True)
        address = server_manager_instance.start_and_get_uri(self.opened)
        if address is None:
            return False
        self._held.owned = self.opened
        logging.getLogger("grpc._server").setLevel(logging.CRITICAL)  # of a call it lacks
        files.write_json(_told(self.opened), address)
        self._held.client = self._client(address, "try again")
        return True

    def _borrow(self) -> bool:
        """Ask the process that has the file open; False where it does not say how, or does not answer."""
        try:
            address = files.read_json(_told(self.opened))
            self._held.client = self._client(str(address), "")
        except (OSError, ValueError, GalleryError):
            return False
        self._held.is_borrowed = True
        return True

    def _client(self, address: str, remedy: str) -> Any:
        options = {"grpc_options": QUIET} if self.is_embedded else {"token": os.environ.get(TOKEN, "")}
        try:
            return self._pymilvus.MilvusClient(address, timeout=SECONDS, **options)
        except self._failures as error:
            raise GalleryError(f"no Milvus answers at {address} ({_line(error)}); {remedy}") from error


class _Held:
    """What is to be closed: a client, and the path of an embedded Milvus that this process has opened."""

    client: Any = None
    owned: str | None = None
    is_borrowed = False

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
        if self.owned is not None:
            from milvus_lite.server_manager import server_manager_instance

            _told(self.owned).unlink(missing_ok=True)
            server_manager_instance.release_server(self.owned)  # and with it the file, for other processes
        self.client, self.owned, self.is_borrowed = None, None, False


def connected(opened: str) -> Connection:
    """The connection of this process, made where there is none. Raises as `Connection`."""
    with _lock:
        found = _open.get(opened)
        if found is None:
            found = _open[opened] = Connection(opened)
        return found


def load_pymilvus(embedded: bool) -> Any:
    """The client, imported when it is first needed.

    Raises:
        MissingExtraError: it is not installed, or where `embedded`, what runs in a file is not.
    """
    try:
        import pymilvus

        if embedded:
            import milvus_lite  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("milvus", "a gallery whose codes are in Milvus") from error
    return pymilvus


def _told(opened: str) -> Path:
    """The file that says where an embedded one is answered."""
    return Path(f"{opened}.address")


@contextmanager
def _quiet() -> Iterator[None]:
    """Milvus Lite logs a whole traceback where its file is in use."""
    log = logging.getLogger("milvus_lite.server_manager")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def _line(error: Exception) -> str:
    return " ".join(str(getattr(error, "message", error)).split())[:300]
