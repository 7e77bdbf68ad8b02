"""Sources of encoded pictures as data sets keep them: folders, tar shards, Parquet; all of the same pictures."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow
from PIL import Image
from pyarrow import parquet

from files import saved
from pictures import waves

SIDE = 16
COUNT = 60
BAD = b"\x89PNG, says it, and is none"

Pixels = npt.NDArray[np.uint8]


def pictures(count: int = COUNT) -> Pixels:
    """uint8 (count, 16, 16, 3)."""
    return waves(count, SIDE, SIDE)


def encoded(count: int = COUNT) -> dict[str, bytes]:
    """The same as lossless files by their names: what is decoded of them are the pixels themselves."""
    return {f"{i:03d}.png": saved(Image.fromarray(one), "PNG") for i, one in enumerate(pictures(count))}


def folder(path: Path, held: dict[str, bytes]) -> Path:
    """A folder of picture files."""
    path.mkdir(parents=True)
    for name, content in held.items():
        (path / name).write_bytes(content)
    return path


def tar(held: dict[str, bytes], mode: str = "w") -> bytes:
    """As WebDataset writes them: beside each picture what else is known of it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in held.items():
            for member, data in ((name, content), (name.replace(".png", ".json"), json.dumps({"of": name}).encode())):
                info = tarfile.TarInfo(member)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def zipped(held: dict[str, bytes]) -> bytes:
    """A zip of them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    return stream.getvalue()


def table(held: dict[str, bytes], how: str) -> bytes:
    """Parquet: "plain" with columns of names and bytes, "struct" as Hugging Face's image feature has it."""
    if how == "plain":
        columns = {"label": list(range(len(held))), "key": list(held), "jpg": pyarrow.array(list(held.values()))}
    else:
        columns = {"image": [{"bytes": content, "path": name} for name, content in held.items()]}
    stream = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), stream, row_group_size=16)
    return stream.getvalue()


def parts(held: dict[str, bytes], count: int = 3) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Numbers as shards have them, each with its share."""
    names = list(held)
    size = -(-len(names) // count)
    for number in range(count):
        yield f"{number:03d}", {name: held[name] for name in names[number * size : (number + 1) * size]}
