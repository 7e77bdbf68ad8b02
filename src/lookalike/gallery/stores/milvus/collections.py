"""Vectors by whole numbers in Milvus's collections: written, let go, fetched, searched; all calls to Milvus here."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import GalleryError
from lookalike.gallery.stores.milvus.connection import Connection, connected
from lookalike.pixels import Floats
from lookalike.search.inputs import Ids

AT_ONCE = 1 << 23
"""Bytes of vectors in one message; Milvus refuses more than 64 MB."""
MOST = 16_384
"""Rows that Milvus gives in one answer, at most."""
LEAST_WIDTH = 2
"""Numbers of a vector that Milvus takes, at least: a single one gets a zero beside it, which changes no distance."""
LOOK_AGAIN = 0.1
"""Seconds between two looks at whether an index is built."""
WAITS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds after each of which an index is loaded once more that was not whole."""


class Collections:
    """The collections of one gallery: those whose names begin with its own.

    Args:
        opened: what Milvus to speak to, when it is first needed.
        prefix: of the names; callers give the rest.

    Every method raises GalleryError where Milvus does not answer or refuses.
    """

    def __init__(self, opened: str, prefix: str) -> None:
        self.opened = opened
        self.prefix = prefix
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """Kept from the first use on."""
        if self._connection is None:
            self._connection = connected(self.opened)
        return self._connection

    def names(self) -> list[str]:
        """What there is."""
        found: list[str] = self.connection.ask("list_collections")
        start = f"{self.prefix}_"
        return sorted(name.removeprefix(start) for name in found if name.startswith(start))

    def has(self, name: str) -> bool:
        """Whether there is a collection of that name."""
        return bool(self.connection.ask("has_collection", self._whole(name)))

    def create(self, name: str, width: int, kind: str, params: dict[str, int], *, up_to_date: bool) -> None:
        """Make a collection with an index of Milvus's `kind`, for squared Euclidean distances.

        Args:
            name: not there yet.
            width: numbers of a vector.
            kind, params: of the index, as Milvus knows them.
            up_to_date: whether a read waits for all that was written anywhere before, or may be seconds behind.
        """
        from pymilvus import DataType

        schema = self.connection.client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=max(width, LEAST_WIDTH))
        index = self.connection.client.prepare_index_params()
        index.add_index("vector", index_type=kind, metric_type="L2", params={"params": params})
        level = "Strong" if up_to_date else "Bounded"
        whole = self._whole(name)
        self.connection.ask("create_collection", whole, schema=schema, index_params=index, consistency_level=level)
        self.connection.loaded.add(whole)

    def drop(self, name: str) -> None:
        """Remove a collection."""
        self.connection.ask("drop_collection", self._whole(name))
        self.connection.loaded.discard(self._whole(name))

    def upsert(self, name: str, ids: Ids, vectors: Floats) -> None:
        """Hold vectors (N, K) under ids (N,), in the place of what these held before."""
        wide = _wide(vectors)
        for some in _parts(len(ids), wide):
            rows = [{"id": id, "vector": vector} for id, vector in zip(ids[some].tolist(), wide[some], strict=True)]
            self.connection.ask("upsert", self._loaded(name), rows)

    def delete(self, name: str, ids: Ids) -> None:
        """Let vectors go; those that are not there are passed over."""
        for start in range(0, len(ids), MOST):
            self.connection.ask("delete", self._loaded(name), ids=ids[start : start + MOST].tolist())

    def delete_from(self, name: str, first: int) -> None:
        """Let go all whose ids are `first` or more."""
        self.connection.ask("delete", self._loaded(name), filter=f"id >= {first}")

    def sync(self, name: str) -> None:
        """Bring to the disk what was written until now."""
        self.connection.ask("flush", self._whole(name))

    def take_in(self, name: str) -> None:
        """Let searches go by the index of all that was written until now, of a collection that nobody searches yet.

        Until an index is built and loaded Milvus compares all vectors, and what is measured then is not the index.
        """
        whole = self._whole(name)
        self.sync(name)
        for index in self.connection.ask("list_indexes", whole):
            while self.connection.ask("describe_index", whole, index).get("pending_index_rows", 0):
                time.sleep(LOOK_AGAIN)
        self.connection.ask("release_collection", whole)
        self._load(whole)

    def keep(self, name: str) -> None:
        """See that what was written until now outlasts a power cut: a server's log is on the disk before it answers."""
        if self.connection.is_embedded:
            self.sync(name)

    def caught_up(self, name: str) -> None:
        """Wait until what was written until now is what searches see."""
        options = {"filter": "", "output_fields": ["count(*)"], "consistency_level": "Strong"}
        self.connection.ask("query", self._loaded(name), **options)

    def vectors(self, name: str, ids: Ids, width: int) -> Floats:
        """The vectors (N, K) under ids.

        Raises:
            GalleryError: some are not there.
        """
        found = np.empty((len(ids), width), np.float32)
        step = _step(max(width, LEAST_WIDTH))
        for start in range(0, len(ids), step):
            asked = ids[start : start + step].tolist()
            rows = self.connection.ask(
                "get", self._loaded(name), ids=sorted(set(asked)), output_fields=["id", "vector"]
            )
            held = {row["id"]: row["vector"] for row in rows}
            missing = [id for id in asked if id not in held]
            if missing:
                raise GalleryError(
                    f"Milvus at {self.opened} lacks {len(missing):,} vectors of {self._whole(name)} that the catalog "
                    "names; remove the gallery's folder and build it again with: lookalike index RUN DATA --gallery "
                    "FOLDER"
                )
            found[start : start + step] = np.array([held[id] for id in asked], np.float32)[:, :width]
        return found

    def nearest(self, name: str, points: Floats, limit: int, params: dict[str, int]) -> tuple[Floats, Ids]:
        """What the collection's index finds for points (Q, K): true squared distances and ids (Q, limit).

        Unordered; infinity and -1 where it finds fewer. Distances are taken here, by differences: Milvus rounds.
        """
        wide = _wide(points)
        squared = np.full((len(points), limit), np.inf, np.float32)
        ids = np.full((len(points), limit), -1, np.int64)
        step = max(1, _step(wide.shape[1]) // limit)
        for start in range(0, len(points), step):
            some = wide[start : start + step]
            options = {"limit": limit, "search_params": {"params": params}, "output_fields": ["vector"]}
            found = self.connection.ask("search", self._loaded(name), list(some), anns_field="vector", **options)
            for row, hits in enumerate(found):
                if hits:
                    vectors = np.array([hit["entity"]["vector"] for hit in hits], np.float32)
                    squared[start + row, : len(hits)] = np.square(vectors - some[row]).sum(axis=1)
                    ids[start + row, : len(hits)] = [hit["id"] for hit in hits]
        return squared, ids

    def _whole(self, name: str) -> str:
        return f"{self.prefix}_{name}"

    def _loaded(self, name: str) -> str:
        """Its whole name, once Milvus has it in memory, which is asked for once a connection."""
        whole = self._whole(name)
        if whole not in self.connection.loaded:
            self._load(whole)
            self.connection.loaded.add(whole)
        return whole

    def _load(self, whole: str) -> None:
        """Have it in memory. An embedded Milvus writes indexes in place, and may load one before it is whole."""
        for wait in WAITS if self.connection.is_embedded else ():
            try:
                self.connection.ask("load_collection", whole)
            except GalleryError:
                time.sleep(wait)
            else:
                return
        self.connection.ask("load_collection", whole)


def _wide(vectors: npt.NDArray[Any]) -> Floats:
    plain = np.ascontiguousarray(vectors, np.float32)
    return plain if plain.shape[1] >= LEAST_WIDTH else np.pad(plain, ((0, 0), (0, LEAST_WIDTH - plain.shape[1])))


def _step(width: int) -> int:
    return max(1, min(MOST, AT_ONCE // (4 * width)))


def _parts(count: int, vectors: Floats) -> list[slice]:
    step = _step(vectors.shape[1])
    return [slice(start, start + step) for start in range(0, count, step)]
