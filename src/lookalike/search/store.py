"""An index as two files: `index.json`, and the arrays it names by their digest."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike import files
from lookalike.errors import SearchError
from lookalike.search.flat import load_faiss

Arrays = dict[str, npt.NDArray[Any]]

FORMAT = 1
_DESCRIPTION = "index.json"
_REMEDY = "build the index again, or restore the folder"


def save(folder: Path, description: dict[str, Any], arrays: Arrays) -> None:
    """Write an index so that every moment of a crash leaves the one before or this one.

    The arrays go to a file whose name no other index has had; only then does the description name it.
    """
    fresh = folder / "arrays.npz"
    files.write_atomically(fresh, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
    digest = files.sha256_of_file(fresh)
    named = folder / f"arrays-{digest[:16]}.npz"
    fresh.replace(named)
    files.sync_folder(folder)
    files.write_json(folder / _DESCRIPTION, {"format": FORMAT, **description, "arrays": named.name, "sha256": digest})
    for old in folder.glob("arrays-*.npz"):
        if old != named:
            old.unlink(missing_ok=True)


def load(folder: Path) -> tuple[dict[str, Any], Arrays]:
    """Read what `save` wrote; nothing is unpickled.

    Raises:
        SearchError: there is no index, it is of a later format, or a file of it is missing or damaged.
    """
    path = folder / _DESCRIPTION
    try:
        description = files.read_json(path)
        version, name, digest = (description[key] for key in ("format", "arrays", "sha256"))
    except FileNotFoundError:
        raise SearchError(f"{folder} holds no index; give a folder that Index.save wrote") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SearchError(f"{path} is damaged ({type(error).__name__}: {error}); {_REMEDY}") from None
    if version != FORMAT:
        raise SearchError(f"{path} is of format {version}, this version reads {FORMAT}; update lookalike")
    named = folder / Path(str(name)).name
    try:
        # FAISS trusts what it reads and may crash on damage, so nothing goes further before its digest is right.
        _check_stored(named)
        if files.sha256_of_file(named) != digest:
            raise SearchError(f"{named} is damaged: its digest differs from the one in {_DESCRIPTION}; {_REMEDY}")
        _check_sizes(named)
        with np.load(named, allow_pickle=False) as content:
            return description, dict(content)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise SearchError(f"{named} cannot be read ({error}); {_REMEDY}") from None


def _check_stored(path: Path) -> None:
    with path.open("rb") as file:
        size = path.stat().st_size
        if files.is_hollow(file.fileno(), size):
            raise ValueError(f"of its {size:,} bytes hardly any are stored")


def _check_sizes(path: Path) -> None:
    """Refuse arrays that are packed, which `save` never does: they may unfold to any size."""
    with zipfile.ZipFile(path) as archive:
        size = path.stat().st_size
        is_packed = any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
        if is_packed or sum(member.file_size for member in archive.infolist()) > size:
            raise ValueError("its arrays are packed, or declare more than it has")


def part(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose names begin with "prefix.", under the rest of their names."""
    return {name.removeprefix(f"{prefix}."): array for name, array in arrays.items() if name.startswith(f"{prefix}.")}


def serialised(structure: Any) -> npt.NDArray[np.uint8]:
    """A structure of FAISS as bytes, uint8 (N,)."""
    faiss = load_faiss()
    content: npt.NDArray[np.uint8] = faiss.serialize_index(structure)
    return content


def deserialised(content: npt.NDArray[np.uint8]) -> Any:
    """The structure of FAISS behind bytes that `serialised` gave.

    Raises:
        SearchError: FAISS cannot read them.
    """
    faiss = load_faiss()
    try:
        return faiss.deserialize_index(content)
    except RuntimeError as error:
        raise SearchError(f"the index is of another FAISS than this one reads ({error}); {_REMEDY}") from None
