"""What was tried, measured and chosen."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Trial:
    """One setting of one kind, as measured.

    Attributes:
        kind, settings: of the index.
        recall: mean recall@k over the queries.
        at_least: the lower end of the recall's one-sided 99% interval; it is what must keep the promise.
        queries_per_second: of all queries asked in one batch, on all cores.
        build_seconds: what building the structure took; its other settings share it.
        kept: whether `at_least` is as high as was promised.
    """

    kind: str
    settings: dict[str, int]
    recall: float
    at_least: float
    queries_per_second: float
    build_seconds: float
    kept: bool

    def __str__(self) -> str:
        settings = ", ".join(f"{name} {value:,}" for name, value in self.settings.items())
        return (
            f"{self.kind}{f' ({settings})' if settings else ''}: recall {self.recall:.4f}, at least "
            f"{self.at_least:.4f}, {self.queries_per_second:,.0f} queries/s"
        )


@dataclass(frozen=True)
class Report:
    """An index in hand, and how it keeps its promise.

    Attributes:
        kind, settings, metric: of the index.
        items: codes that it held while it was measured.
        k: neighbours that recall is about.
        queries: how many queries it was measured with, none of them held.
        recall, at_least, queries_per_second, kept: as in `Trial`.
        milliseconds_alone: median time of a query that is asked alone.
        promised: the recall that was asked for.
        method: what was asked for: a kind, or "auto".
        why: a sentence about the choice.
        trials: all that was tried, in that order.
    """

    kind: str
    settings: dict[str, int]
    metric: str
    items: int
    k: int
    queries: int
    recall: float
    at_least: float
    queries_per_second: float
    milliseconds_alone: float
    promised: float
    kept: bool
    method: str
    why: str
    trials: tuple[Trial, ...] = field(default=(), repr=False)

    def as_json(self) -> dict[str, Any]:
        """All fields as plain JSON values."""
        return {**asdict(self), "trials": [asdict(trial) for trial in self.trials]}

    def __str__(self) -> str:
        settings = ", ".join(f"{name} {value:,}" for name, value in self.settings.items())
        return (
            f"{self.kind}{f' ({settings})' if settings else ''} over {self.items:,} codes: recall@{self.k} "
            f"{self.recall:.4f} (at least {self.at_least:.4f}) on {self.queries:,} queries, {self.promised:g} "
            f"promised; {self.queries_per_second:,.0f} queries a second in a batch, "
            f"{self.milliseconds_alone:.2f} ms alone. {self.why}"
        )
