"""A Hugging Face Hub of one's own: what huggingface_hub asks of it to make, fill and read repositories of models."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OWNER = "me"


class FakeHub:
    """Repositories by their names, and the files in them; `asked` has every path that was read."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.address = ""

    def made(self, asked: dict[str, Any]) -> dict[str, Any]:
        owner = asked.get("organization") or OWNER
        name = f"{owner}/{asked['name'].rpartition('/')[2]}"
        self.repositories.setdefault(name, {})
        return {"url": f"{self.address}/{name}", "name": name}

    def committed(self, name: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
        for line in lines:
            if line["key"] == "file":
                self.repositories[name][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        return {"commitUrl": f"{self.address}/{name}/commit/{COMMIT}", "commitOid": COMMIT}


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """A hub that answers on a port of this machine."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self._body()
            path = self.path.partition("?")[0]
            if path == "/api/repos/create":
                return self._say(hub.made(json.loads(body)))
            if path == "/api/validate-yaml":  # of the card's front matter
                return self._say({"errors": [], "warnings": []})
            name, _, what = path.removeprefix("/api/models/").removesuffix("/main").rpartition("/")
            if what == "preupload":
                asked = json.loads(body)["files"]
                modes = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
                return self._say({"files": [{"path": one["path"], **modes} for one in asked]})
            assert what == "commit", path
            return self._say(hub.committed(name, [json.loads(line) for line in body.splitlines() if line]))

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(path)
            found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            content = found and hub.repositories.get(found[1], {}).get(found[3])
            if content is None:
                known = found is not None and found[1] in hub.repositories
                return self._answer(404, b"", {"X-Error-Code": "EntryNotFound" if known else "RepoNotFound"})
            return self._answer(
                200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
            )

        def _body(self) -> bytes:
            if self.headers["Transfer-Encoding"] != "chunked":
                return self.rfile.read(int(self.headers["Content-Length"]))
            body = b""
            while length := int(self.rfile.readline(), 16):
                body += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _say(self, content: dict[str, Any]) -> None:
            self._answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

        def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
