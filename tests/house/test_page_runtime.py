"""What the studio's page needs from npm's registry is taken only if it is what was pinned."""

from __future__ import annotations

import base64
import hashlib
import http.server
import importlib.util
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from places import ROOT

TOOL = ROOT / "tools" / "fetch_page_runtime.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch_page_runtime", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served as a registry."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{server.server_address[1]}")
        yield folder
        server.shutdown()
        thread.join()


def packed(registry: Path, name: str, version: str, files: dict[str, bytes]) -> str:
    """Offer a package; returns its integrity."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    target = registry / name / "-" / f"{name}-{version}.tgz"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(stream.getvalue())
    return base64.b64encode(hashlib.sha512(stream.getvalue()).digest()).decode()


def test_what_was_pinned_is_placed_once(tool: ModuleType, registry: Path, tmp_path: Path) -> None:
    integrity = packed(registry, "runtime", "1.2.3", {"dist/a.mjs": b"code", "dist/b.wasm": b"\0asm", "other": b"x"})
    package = tool.Package("runtime", "1.2.3", integrity, ("dist/a.mjs", "dist/b.wasm"))
    out = tmp_path / "vendor"
    tool.place(package, out)
    assert (out / "a.mjs").read_bytes() == b"code"
    assert (out / "b.wasm").read_bytes() == b"\0asm"
    assert sorted(path.name for path in out.iterdir()) == ["a.mjs", "b.wasm", "runtime.json"]
    (registry / "runtime" / "-" / "runtime-1.2.3.tgz").unlink()
    tool.place(package, out)  # all is there: nothing is asked for
    (out / "a.mjs").unlink()
    with pytest.raises(OSError, match="404"):
        tool.place(package, out)


def test_anything_else_is_refused(tool: ModuleType, registry: Path, tmp_path: Path) -> None:
    integrity = packed(registry, "runtime", "1.2.3", {"a.mjs": b"code"})
    packed(registry, "runtime", "1.2.3", {"a.mjs": b"other code"})
    with pytest.raises(ValueError, match="has the SHA-512"):
        tool.place(tool.Package("runtime", "1.2.3", integrity, ("a.mjs",)), tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()
    integrity = packed(registry, "runtime", "1.2.4", {"a.mjs": b"code"})
    with pytest.raises(ValueError, match=r"lacks package/b\.mjs"):
        tool.place(tool.Package("runtime", "1.2.4", integrity, ("a.mjs", "b.mjs")), tmp_path / "vendor")


def test_failure_is_one_line(
    tool: ModuleType,
    registry: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["fetch", "--axe", str(tmp_path / "axe")])
    assert tool.main() == 3
    told = capsys.readouterr().err
    assert told.startswith("fetch_page_runtime: axe-core")
    assert len(told.splitlines()) == 1
