"""Fetch what the studio's page runs models with in the browser: ONNX Runtime Web, pinned and checked.

    python tools/fetch_page_runtime.py            # into src/lookalike/serve/page/vendor/
    python tools/fetch_page_runtime.py --axe DIR  # axe-core, which the browser tests check accessibility with

Packages come from the registry that npm is configured with (`npm config get registry`), or that the environment names
as NPM_CONFIG_REGISTRY where npm is not installed. What comes is refused unless it has the SHA-512 that stands here.
Without the runtime the page asks the server for every picture, which works, only slower.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

VENDOR = Path(__file__).resolve().parent.parent / "src" / "lookalike" / "serve" / "page" / "vendor"
TIMEOUT = 60
"""Seconds without an answer."""
LARGEST = 400 << 20
"""Bytes of a package."""


class Package(NamedTuple):
    """A package of npm's registry: its integrity is that of the registry's own record, base64 of a SHA-512."""

    name: str
    version: str
    integrity: str
    files: tuple[str, ...]


RUNTIME = Package(
    "onnxruntime-web",
    "1.30.0",
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
    ("dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm"),
)
AXE = Package(
    "axe-core",
    "4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    ("axe.min.js",),
)


def registry() -> str:
    """The address of the registry that npm uses here, with a slash at its end.

    Raises:
        OSError: there is no npm, and the environment names no registry.
    """
    named = os.environ.get("NPM_CONFIG_REGISTRY", "")
    if not named and (npm := shutil.which("npm")):
        told = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False)
        named = told.stdout.strip()
    if not named.startswith(("http://", "https://")):
        raise OSError("no registry is known; install npm, or name one in NPM_CONFIG_REGISTRY")
    return named.rstrip("/") + "/"


def download(package: Package) -> bytes:
    """The package's archive, checked.

    Raises:
        OSError: it cannot be fetched.
        ValueError: it is not the one that was pinned.
    """
    address = f"{registry()}{package.name}/-/{package.name}-{package.version}.tgz"
    with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
        content: bytes = answer.read(LARGEST + 1)
    found = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != package.integrity:
        raise ValueError(f"{package.name} {package.version} has the SHA-512 {found}, not {package.integrity}")
    return content


def place(package: Package, folder: Path) -> None:
    """Put the package's files into a folder, each renamed into place when it is whole, then a note of the version."""
    mark = folder / f"{package.name}.json"
    wanted = {"version": package.version, "integrity": f"sha512-{package.integrity}"}
    names = {Path(file).name: file for file in package.files}
    if mark.is_file() and json.loads(mark.read_text()) == wanted and all((folder / name).is_file() for name in names):
        return
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(download(package)))) as archive:
        contents = {name: _member(archive, f"package/{file}") for name, file in names.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        _write(folder / name, content)
    _write(mark, json.dumps(wanted).encode())


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    try:
        file = archive.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise ValueError(f"the package lacks {name}")
    return file.read()


def _write(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)


def main() -> int:
    """Fetch; 0 where all is there, 3 where it could not be fetched."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--out", type=Path, default=VENDOR, help="The folder that takes the runtime.")
    asked.add_argument("--axe", type=Path, help="Fetch axe-core into this folder instead.")
    options = asked.parse_args()
    package, folder = (AXE, options.axe) if options.axe else (RUNTIME, options.out)
    try:
        place(package, folder)
    except (OSError, ValueError, tarfile.TarError) as error:
        print(f"fetch_page_runtime: {package.name} {package.version} was not fetched: {error}", file=sys.stderr)
        return 3
    print(f"{package.name} {package.version} is in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
