"""Parquet files with a column of encoded pictures, as image data sets are often kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lookalike.data.stored import StoredFile
from lookalike.errors import DataError, MissingExtraError

_AT_ONCE = 64
_CONTENTS = ("image", "picture", "jpg", "jpeg", "png", "webp", "img", "bytes", "content", "data")
_NAMES = ("name", "file_name", "filename", "__key__", "key", "path", "file", "image_path", "image_id", "id")


class Columns(NamedTuple):
    """The column of pictures: bytes, or (`is_struct`) Hugging Face's struct of bytes and path; and that of names."""

    contents: str
    is_struct: bool
    names: str | None


def rows_of_table(place: Path | StoredFile) -> int:
    """How many pictures a Parquet file holds, by its footer.

    Raises:
        DataError: it cannot be read, or has no column of pictures.
        MissingExtraError: the extra is not installed.
    """
    try:
        with place.open("rb") as file, parquet().ParquetFile(file) as table:
            _columns_of(place, table.schema_arrow)
            return int(table.metadata.num_rows)
    except (OSError, ValueError) as error:
        raise _unreadable(place, error) from error


def pictures_of_table(place: Path | StoredFile) -> Iterator[tuple[str, bytes]]:
    """The name and the content of each row's picture, in the table's order; b"" where there is none.

    Without a column of names, rows are numbered.

    Raises:
        DataError, MissingExtraError: as `rows_of_table`, also in the middle.
    """
    try:
        with place.open("rb") as file, parquet().ParquetFile(file) as table:
            columns = _columns_of(place, table.schema_arrow)
            wanted = [columns.contents, *([] if columns.names is None else [columns.names])]
            row = 0
            for batch in table.iter_batches(_AT_ONCE, columns=wanted):
                names = None if columns.names is None else batch.column(columns.names).to_pylist()
                for i, content in enumerate(batch.column(columns.contents).to_pylist()):
                    path = content.get("path") if columns.is_struct and content else None
                    name = path if names is None else names[i]
                    yield f"{row:08d}" if name is None else str(name), _content(content)
                    row += 1
    except (OSError, ValueError) as error:
        raise _unreadable(place, error) from error


def parquet() -> Any:
    """PyArrow's module. Raises MissingExtraError where it is not installed."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("parquet", "Parquet") from None
    return parquet


def _columns_of(place: Path | StoredFile, schema: Any) -> Columns:
    from pyarrow import types

    def is_bytes(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    held = {}
    for field in schema:
        if types.is_struct(field.type):
            inner = {part.name: part.type for part in field.type}
            if "bytes" in inner and is_bytes(inner["bytes"]):
                held[field.name] = True
        elif is_bytes(field.type):
            held[field.name] = False
    if not held:
        raise DataError(
            f"{place} has the columns {', '.join(schema.names)}, none of which holds pictures' bytes; give one of "
            "binary, or a struct with bytes"
        )
    chosen = next((name for name in _CONTENTS if name in held), next(iter(held)))
    names = next((name for name in _NAMES if name in schema.names and name != chosen), None)
    return Columns(chosen, held[chosen], names)


def _content(held: Any) -> bytes:
    content = held.get("bytes") if isinstance(held, dict) else held
    return b"" if content is None else bytes(content)


def _unreadable(place: Path | StoredFile, error: Exception) -> DataError:
    return DataError(f"{place} cannot be read as Parquet: {' '.join(str(error).split())}")
