"""A small reverse proxy, as nginx is with `location /pics/ { proxy_pass http://studio/; }`."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

PREFIX = "/pics"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "host"}


class Proxy(http.server.ThreadingHTTPServer):
    """Listens at once; `target`, the address of what is behind, may be set later."""

    daemon_threads = True
    target = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def name(self) -> str:
        """Host and port that a browser is given."""
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def address(self) -> str:
        """Of the page, with its prefix."""
        return f"http://{self.name}{PREFIX}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: a test's output is for its failures."""

    def _pass_on(self) -> None:
        if not self.path.startswith(f"{PREFIX}/"):
            self.send_error(404)
            return
        assert isinstance(self.server, Proxy)
        host = urlsplit(self.server.target).netloc
        # nginx's own Host where none is set: the address of what is behind.
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        behind = http.client.HTTPConnection(host, timeout=120)
        try:
            behind.request(self.command, self.path.removeprefix(PREFIX), body or None, {**headers, "Host": host})
            answer = behind.getresponse()
        except ConnectionError:
            self.send_error(502)
        else:
            self._pass_back(answer)
        finally:
            behind.close()

    def _pass_back(self, answer: http.client.HTTPResponse) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            while part := answer.read1(65536):
                self.wfile.write(part)
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            """The browser has left."""

    do_GET = do_HEAD = do_POST = _pass_on  # noqa: N815


@contextmanager
def proxy() -> Iterator[Proxy]:
    """A proxy that listens; it ends with the block."""
    with Proxy() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
