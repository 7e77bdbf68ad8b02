"""An index as two files: `index.json`, and the arrays it names by their digest.

The arrays are read where they lie (see `archives`), so that an index that is larger than memory opens at once.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike import archives, files
from lookalike.archives import Arrays as Arrays
from lookalike.archives import Written as Written
from lookalike.errors import SearchError
from lookalike.search.flat import load_faiss

FORMAT = 1
_DESCRIPTION = "index.json"
_REMEDY = "build the index again, or restore the folder"


@dataclass(frozen=True)
class Serialised:
    """A structure of FAISS, to be written as bytes that are never held."""

    structure: Any

    @cached_property
    def size(self) -> int:
        """How many bytes there are."""
        sizes: list[int] = []
        self.write(lambda part: sizes.append(len(part)))
        return sum(sizes)

    def write(self, take: Callable[[Any], object]) -> None:
        """Give them to `take`, some at a time."""
        faiss = load_faiss()
        faiss.write_index(self.structure, faiss.PyCallbackIOWriter(take))


def save(folder: Path, description: dict[str, Any], arrays: Written) -> None:
    """Write an index so that every moment of a crash leaves the one before or this one.

    The arrays go to a file whose name no other index has had; only then does the description name it.
    """
    fresh = folder / "arrays.npz"
    files.write_atomically(fresh, lambda file: archives.write_arrays(file, arrays))
    seal = archives.seal(fresh)
    named = folder / f"arrays-{seal['sha256'][:16]}.npz"
    fresh.replace(named)
    files.sync_folder(folder)
    files.write_json(folder / _DESCRIPTION, {"format": FORMAT, **description, "arrays": named.name, **seal})
    for old in folder.glob("arrays-*.npz"):
        if old != named:
            with suppress(OSError):  # Windows keeps what is still mapped
                old.unlink()


def load(folder: Path) -> tuple[dict[str, Any], Arrays]:
    """Read what `save` wrote; nothing is unpickled.

    Raises:
        SearchError: there is no index, it is of a later format, or a file of it is missing or damaged.
    """
    path = folder / _DESCRIPTION
    try:
        description = files.read_json(path)
        version, name, _ = (description[key] for key in ("format", "arrays", "sha256"))
    except FileNotFoundError:
        raise SearchError(f"{folder} holds no index; give a folder that Index.save wrote") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SearchError(f"{path} is damaged ({type(error).__name__}: {error}); {_REMEDY}") from None
    if version != FORMAT:
        raise SearchError(f"{path} is of format {version}, this version reads {FORMAT}; update lookalike")
    named = folder / Path(str(name)).name
    try:
        # FAISS trusts what it reads and may crash on damage, so nothing goes further before its digest is right.
        if not archives.is_sealed(named, description):
            raise SearchError(f"{named} is damaged: its digest differs from the one in {_DESCRIPTION}; {_REMEDY}")
        return description, archives.read_arrays(named)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise SearchError(f"{named} cannot be read ({error}); {_REMEDY}") from None


def part(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose names begin with "prefix.", under the rest of their names."""
    return {name.removeprefix(f"{prefix}."): array for name, array in arrays.items() if name.startswith(f"{prefix}.")}


def restored(content: npt.NDArray[np.uint8]) -> Any:
    """The structure of FAISS behind the bytes of `Serialised`; over mapped ones, which are to outlive it, as a view.

    Such a view must not change: FAISS ends the process.

    Raises:
        SearchError: FAISS cannot read them.
    """
    faiss = load_faiss()
    try:
        if isinstance(content, np.memmap):
            return faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(content), content.nbytes))
        return faiss.read_index(faiss.PyCallbackIOReader(_reader(content)))
    except RuntimeError as error:
        raise SearchError(f"the index is of another FAISS than this one reads ({error}); {_REMEDY}") from None


def _reader(content: npt.NDArray[np.uint8]) -> Callable[[int], bytes]:
    at = 0

    def read(count: int) -> bytes:
        nonlocal at
        at += count
        return content[at - count : at].tobytes()

    return read
