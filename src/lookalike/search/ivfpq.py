"""Inverted lists of product-quantised codes: the smallest structure, ranked by the true distances."""

from __future__ import annotations

from typing import ClassVar

from lookalike.errors import OptionError
from lookalike.search import flat, ivf, refined
from lookalike.search.base import Setting
from lookalike.search.flat import load_faiss
from lookalike.search.lookup import Mask, Rows
from lookalike.search.metric import Floats

BITS = 8
"""A byte a segment, as FAISS scans fastest."""
MOST_SEGMENTS = 64


class IVFPQIndex(refined.RefinedIndex):
    """FAISS's inverted file of codes cut into segments, each the nearest of 256 learned ones.

    Settings:
        lists: cells; by default 4 sqrt(N), each with 39 codes or more.
        segments: parts that a code is cut into, a divisor of its size; by default about one for every two numbers.
        probes: cells that a query looks through.
        candidates: codes that are ranked by true distance, for one query.
    """

    kind = "ivfpq"
    options: ClassVar[dict[str, Setting]] = {
        "lists": ivf.LISTS,
        "segments": Setting(None, 1, 4096),
        "probes": ivf.PROBES,
        "candidates": Setting(64, 1, 1 << 24, at_query=True),
    }
    effort = "probes"
    variants = ({"candidates": 32}, {"candidates": 128})

    @property
    def most_effort(self) -> int:
        """All cells."""
        return int(self._rough.nlist)

    @property
    def misses_nothing(self) -> bool:
        """Whether all codes are ranked."""
        return self.settings["probes"] >= self.most_effort and self.settings["candidates"] >= len(self)

    def taught_by(self, count: int) -> int:
        """As many as k-means takes for the cells, which is more than for a segment."""
        return ivf.POINTS_A_CENTRE * ivf.cell_count(self._given["lists"], count)

    def _learn(self, points: Floats, count: int) -> None:
        faiss = load_faiss()
        width = points.shape[1]
        cells = self.settings["lists"] = ivf.cell_count(self.settings.get("lists"), count)
        segments = self.settings["segments"] = self.settings.get("segments") or segment_count(width)
        if width % segments:
            raise OptionError(f"segments is {segments}, which does not divide codes of {width} numbers; give a divisor")
        self._quantizer = faiss.IndexFlatL2(width)
        lists = faiss.IndexIVFPQ(self._quantizer, width, cells, segments, BITS)
        ivf.ease(lists.pq.cp)
        ivf.learn_cells(lists, points, least=1 << BITS)
        self._refine(lists)

    def _keep(self, kept: Mask) -> None:
        self._remove(kept)
        ivf.renumber(self._rough, kept)

    def _search(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        return self._ranked(points, k, ivf.probing(self.settings["probes"], self._rough))

    def _search_all(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        return flat.nearest(self._flat, points, k)


def segment_count(width: int) -> int:
    """The largest divisor of `width` up to its half and 64; `width` itself where that would cut too coarsely."""
    most = max(part for part in range(1, max(min(width // 2, MOST_SEGMENTS), 1) + 1) if width % part == 0)
    return most if width <= 8 * most else width
