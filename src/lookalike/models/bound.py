"""What is learned of a model's codes and kept beside it: numbers in safetensors, what is known of them in JSON.

The JSON is written last, and binds both files and the model by their digests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from lookalike import files
from lookalike.errors import RunError, WeightsError
from lookalike.models.base import Autoencoder
from lookalike.tensors import declared, misfit

FORMAT = 1
Arrays = Mapping[str, npt.NDArray[Any]]
Restored = TypeVar("Restored")


@dataclass(frozen=True)
class Bound:
    """One kind of it.

    Attributes:
        name: of both files, less what they end in.
        what: it is, with its verb, as "the directions in FOLDER are damaged" needs both.
        remedy: how to get it for the folder FOLDER.
        entry: the description's that has the digest of the numbers.
        number: what these are kept in, as safetensors calls it.
    """

    name: str
    what: tuple[str, str]
    remedy: str
    entry: str
    number: str

    @property
    def description(self) -> str:
        """The file that says what is known."""
        return f"{self.name}.json"

    @property
    def numbers(self) -> str:
        """The file of the numbers."""
        return f"{self.name}.safetensors"

    def save(self, folder: str | Path, model: Autoencoder, tensors: Arrays, about: Mapping[str, Any]) -> None:
        """Write both, of the type that they are kept in."""
        kept = {"F32": np.float32, "F64": np.float64}[self.number]
        content = safetensors.numpy.save({name: np.ascontiguousarray(one, kept) for name, one in tensors.items()})
        files.write_bytes(Path(folder) / self.numbers, content)
        bound = {"format": FORMAT, "model": model.digest, self.entry: files.sha256(content)}
        files.write_json(Path(folder) / self.description, {**bound, **about})

    def load(
        self,
        folder: str | Path,
        model: Autoencoder,
        shapes: Callable[[dict[str, Any]], dict[str, tuple[int, ...]]],
        restored: Callable[[dict[str, Any], Arrays], Restored],
    ) -> Restored:
        """What `restored` makes of the description and the tensors, which are of the `shapes` that the former tells.

        Raises:
            RunError: there is none, it is damaged, or of another model.
        """
        folder, (noun, verb) = Path(folder), self.what
        path, remedy = folder / self.description, self.remedy.replace("FOLDER", str(folder))
        if not path.is_file():
            raise RunError(f"{folder} holds no {noun} ({self.description} is missing); {remedy}")
        try:
            told = files.read_json(path)
            if told["format"] != FORMAT:
                raise RunError(f"{path} is of format {told['format']}, this version reads {FORMAT}; update lookalike")
            if told["model"] != model.digest:
                raise RunError(f"the {noun} in {folder} {verb} of another model than the one there now; {remedy}")
            wrong = misfit(declared(folder / self.numbers), shapes(told), self.numbers, self.number)
            if wrong is not None:
                raise ValueError(wrong)
            content = (folder / self.numbers).read_bytes()
            if told[self.entry] != files.sha256(content):
                raise ValueError(f"{self.numbers} is not the file that {self.description} describes")
            return restored(told, safetensors.numpy.load(content))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, WeightsError) as error:
            raise RunError(f"the {noun} in {folder} {verb} damaged ({error}); {remedy}") from error
