"""Parquet tables that others wrote: a few kilobytes of them can declare any number of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import MissingExtraError
from lookalike.pixels import Floats

GROWTH = 64
"""Times the file's own size that its cells, and the bytes of its texts, may be."""
SLACK = 2**20
"""Allowed beyond it, for small tables."""
LONGEST_TEXT = 2**20
ENCODING = "encoding.json"
"""Beside the Parquet files of codes that `encode` writes into a folder: what they are of, and whether all are there."""
_ROWS_AT_ONCE = 1024


def read_parquet(path: Path) -> tuple[list[str], list[list[Any]]]:
    """The names of the columns, and the values of each.

    Raises:
        ValueError: it cannot be read, or declares more than a file of its size can hold of different pictures.
        MissingExtraError: the extra is not installed.
    """
    pyarrow, parquet = _pyarrow()
    size = path.stat().st_size
    schema = _checked_schema(path)
    texts = [field.name for field in schema if pyarrow.types.is_string(field.type)]
    # A text that stands in many rows is kept once, until it is known how many bytes they are together.
    with parquet.ParquetFile(path, read_dictionary=texts) as file:
        left = GROWTH * size + SLACK
        columns: list[list[Any]] = [[] for _ in schema.names]
        for batch in file.iter_batches(_ROWS_AT_ONCE):
            left -= sum(_bytes_of(column) for column in batch.columns)
            if left < 0:
                raise ValueError(f"its texts have more bytes than a file of {size:,} bytes can hold")
            for held, column in zip(columns, batch.columns, strict=True):
                held += column.to_pylist()
    return list(schema.names), columns


def read_vectors(path: Path, names: str, vectors: str) -> tuple[list[str], Floats]:
    """The column `names` as texts, and the column `vectors`, lists of numbers of one length, as float32 (N, K).

    Raises:
        ValueError, MissingExtraError: as `read_parquet`, or a column is missing or of another kind.
    """
    pyarrow, parquet = _pyarrow()
    schema = _checked_schema(path)
    if not {names, vectors} <= set(schema.names):
        raise ValueError(f"it has the columns {', '.join(schema.names)}; give {names} and {vectors}")
    kind = schema.field(vectors).type
    types = pyarrow.types
    is_lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if not is_lists or not (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)):
        raise ValueError(f"its column {vectors} holds {kind}; give lists of numbers")
    table = parquet.read_table(path, columns=[names, vectors]).combine_chunks()
    lists = table.column(vectors)
    lengths = pyarrow.compute.list_value_length(lists).unique().to_pylist()
    if lists.null_count or len(lengths) != 1:
        raise ValueError(f"its column {vectors} holds lists of different lengths; give each as many numbers")
    flat = pyarrow.compute.list_flatten(lists).cast(pyarrow.float32(), safe=False)
    found = np.asarray(flat.to_numpy(), np.float32).reshape(-1, lengths[0])
    return [str(name) for name in table.column(names).to_pylist()], found


def _pyarrow() -> tuple[Any, Any]:
    """PyArrow, and its module for Parquet."""
    try:
        import pyarrow
        import pyarrow.compute
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("parquet", "reading Parquet") from None
    return pyarrow, parquet


def _checked_schema(path: Path) -> Any:
    """The columns of a file that declares no more than one of its size can hold; the errors of `read_parquet`."""
    _, parquet = _pyarrow()
    size = path.stat().st_size
    with parquet.ParquetFile(path) as plain:
        facts, schema = plain.metadata, plain.schema_arrow
    if facts.num_rows > size + SLACK or facts.num_rows * facts.num_columns > GROWTH * size + SLACK:
        raise ValueError(
            f"it declares {facts.num_rows:,} rows of {facts.num_columns:,} columns, more than {size:,} bytes can name"
        )
    unpacked = sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups))
    if unpacked > GROWTH * (size + SLACK):
        raise ValueError(f"it declares {unpacked:,} bytes, more than a file of {size:,} bytes can hold")
    return schema


def _bytes_of(column: Any) -> int:
    """Of a column's values, without taking them out of their dictionary."""
    import pyarrow
    from pyarrow import compute

    if not pyarrow.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = compute.binary_length(column.dictionary)
    longest = compute.max(lengths).as_py() or 0
    if longest > LONGEST_TEXT:
        raise ValueError(f"a text in it has {longest:,} bytes; the limit is {LONGEST_TEXT:,}")
    return int(compute.sum(lengths.take(column.indices)).as_py() or 0)
