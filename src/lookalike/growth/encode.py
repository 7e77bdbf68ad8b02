"""Codes of a source that may be larger than a disk, by this machine or by many: Parquet out, and what was set aside."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Unpack

from lookalike.data.images import Rejected
from lookalike.data.options import Asked, DataOptions
from lookalike.data.pipeline import Progress
from lookalike.errors import DataError, Interrupted, OptionError
from lookalike.files import real
from lookalike.growth.ledger import Ledger, own_folder
from lookalike.growth.pieces import pictures_at_once
from lookalike.growth.shards import Left, state_of
from lookalike.growth.sources import Contents, contents_of
from lookalike.growth.tables import parquet
from lookalike.growth.worker import Part
from lookalike.models.base import Autoencoder
from lookalike.models.loading import open_model
from lookalike.models.pictures import framing_of
from lookalike.training.interruption import StopRequest

ENGINES = ("local", "ray")
FORMAT = 1
"""Raised where the same model and source would give other codes, or other files of them."""


@dataclass
class Pace:
    """What a worker did of this call: pictures, and the seconds that it worked on them."""

    pictures: int = 0
    seconds: float = 0.0

    @property
    def pictures_per_second(self) -> float:
        """0 where nothing was done."""
        return self.pictures / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Encoded:
    """What came of an encoding.

    Attributes:
        out: the folder.
        pictures: that have codes there.
        rejected: pictures that were set aside, with reasons.
        skipped: what was not looked at, counted by suffix or reason.
        unseen: folders that cannot be listed.
        files: the Parquet files, in the source's order.
        encoded: pictures that this call encoded; the others were there.
        seconds: of this call.
        workers: by the names of those who did it.
    """

    out: Path
    pictures: int
    rejected: list[Rejected]
    skipped: dict[str, int]
    unseen: list[str]
    files: list[Path]
    encoded: int
    seconds: float
    workers: dict[str, Pace] = field(default_factory=dict)

    @property
    def pictures_per_second(self) -> float:
        """Of this call, from its beginning to its end."""
        return self.encoded / self.seconds

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **asdict(self),
            "out": str(self.out),
            "rejected": [one._asdict() for one in self.rejected],
            "files": [path.name for path in self.files],
            "pictures_per_second": self.pictures_per_second,
            "workers": _paces(self.workers),
        }


def encode_source(
    model: Autoencoder | str | Path,
    source: str | Path,
    out: str | Path,
    *,
    engine: str = "local",
    address: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **asked: Unpack[Asked],
) -> Encoded:
    """Encode all pictures of a source, and keep the codes as Parquet files; what is there already is not done again.

    Each row is a picture: `name` (string), `code` (a list of float32 of the model's code size), `digest` (hexadecimal
    SHA-256 of its file, of its pixels where it came as such), `width` and `height` (int32, pixels, null where its file
    does not say). Codes are those of `model.encode`, and the same bits on equal processors, whatever the engine.
    Pictures that cannot be read come to `rejected.jsonl`.

    Args:
        model: a fitted model, or the folder of a run.
        source: see `lookalike.growth.sources.contents_of`.
        out: a folder of its own.
        engine: "local", the cores of this machine; or "ray", Ray Data.
        address: of a Ray cluster, "auto" or another that `ray.init` takes; None starts Ray on this machine alone.
        force: begin anew where `out` holds other codes.
        progress: called with (pictures done, pictures in all, estimated where nobody knows it).
        asked: how the source is read, see `lookalike.data.options.Asked`; as the model's training, where not given.

    Raises:
        OptionError: an argument is out of range, the model has no code, or `out` holds other codes.
        DataError: the source cannot be read, or holds no usable picture.
        RunError: another process encodes into `out`, or a file there is damaged.
        EngineError: the cluster cannot be reached, or failed.
        MissingExtraError: PyArrow or Ray are not installed.
        Interrupted: Ctrl-C or SIGTERM; the same call goes on.
    """
    started = time.perf_counter()
    if engine not in ENGINES:
        raise OptionError(f"engine is {engine!r}; give one of {', '.join(ENGINES)}")
    if address is not None and engine != "ray":
        raise OptionError(f"address {address} is of a Ray cluster; give engine ray (--engine ray) too")
    parquet()
    fitted = model if isinstance(model, Autoencoder) else open_model(model, threads=1)
    fitted.require_code()
    if Path(source).is_dir() and real(out).is_relative_to(real(source)):
        raise OptionError(f"--out {out} lies within {source}, which is read; give a folder elsewhere")
    contents = contents_of(source, _options(fitted, asked))
    settings = _settings(fitted, contents)
    with own_folder(out, force=force) as folder:
        ledger = Ledger(folder, [shard.name for shard in contents.shards], settings, force=force)
        workers: dict[str, Pace] = {}
        if not ledger.is_finished:
            left = [(i, one, ledger.done(i)) for i, one in enumerate(contents.shards) if not ledger.is_done(i)]
            parts = _parts(fitted, contents, left, engine, address)
            _keep(parts, ledger, workers, _Reckoning(contents, progress))
            _check_some(ledger, contents)
        encoded, seconds = sum(one.pictures for one in workers.values()), time.perf_counter() - started
        rejected, skipped = list(ledger.rejected()), dict(ledger.skipped() + Counter(contents.skipped))
        if not ledger.is_finished:
            pace = {"engine": engine, "seconds": seconds, "pictures_per_second": encoded / seconds}
            counts = {"pictures": ledger.pictures, "rejected": len(rejected), "skipped": skipped}
            ledger.finish({**counts, **pace, "workers": _paces(workers)})
        files = ledger.files()
    return Encoded(folder, ledger.pictures, rejected, skipped, list(contents.unseen), files, encoded, seconds, workers)


def _options(model: Autoencoder, asked: Asked) -> DataOptions:
    options = DataOptions.checked(**asked)
    usual = framing_of(model)
    if options.size not in (None, usual.size):
        raise OptionError(f"size is {options.size}; this run's model takes pictures of {usual.size}")
    return options.like(usual)


def _settings(model: Autoencoder, contents: Contents) -> dict[str, Any]:
    """What decides the codes."""
    return {
        "format": FORMAT,
        "run": model.digest,
        "model": model.kind,
        "code_size": model.code_size,
        "source": contents.source,
        "framing": contents.framing.as_json(),
        "pictures_of_a_piece": pictures_at_once(contents.framing),
        "shards": {"count": len(contents.shards), "state": state_of(contents.shards)},
        "reader": list(contents.reader),
    }


def _parts(model: Autoencoder, contents: Contents, left: Left, engine: str, address: str | None) -> Iterator[Part]:
    most = pictures_at_once(contents.framing)
    if not left:
        return iter(())
    if engine == "ray":
        from lookalike.growth.on_ray import encoded_on_ray

        return encoded_on_ray(model, contents.framing, left, most, address)
    from lookalike.growth.local import encoded_here  # PyTorch takes a second to import, in each of Ray's actors too

    pieces = chain.from_iterable(shard.pieces(number, most, done) for number, shard, done in left)
    return encoded_here(model, contents.framing, pieces)


def _keep(parts: Iterator[Part], ledger: Ledger, workers: dict[str, Pace], report: Callable[[Ledger], None]) -> None:
    """Keep every part as it comes; a wish to stop is granted after any of them."""
    report(ledger)
    with StopRequest() as stop:
        for part in parts:
            if ledger.add(part):
                pace = workers.setdefault(part.worker, Pace())
                pace.pictures += part.pictures
                pace.seconds += part.seconds
            report(ledger)
            if stop.requested:
                raise Interrupted(
                    f"the encoding stopped with {ledger.pictures:,} pictures in {ledger.folder}; give the same command "
                    "again to go on"
                )


class _Reckoning:
    """Says how far an encoding is; pictures that nobody has counted are reckoned by the bytes that were read."""

    def __init__(self, contents: Contents, progress: Progress | None) -> None:
        self.progress = progress
        self.total = contents.total
        self.length = sum(shard.size for shard in contents.shards)

    def __call__(self, ledger: Ledger) -> None:
        if self.progress is None:
            return
        total = self.total
        if total is None and ledger.length:
            left = max(self.length - ledger.length, 0)
            total = ledger.pictures + round(ledger.pictures * left / ledger.length)
        self.progress(ledger.pictures, total)


def _check_some(ledger: Ledger, contents: Contents) -> None:
    if ledger.pictures:
        return
    first = next(ledger.rejected(), None)
    reason = "" if first is None else f"; the first that was set aside: {first.name} {first.reason}"
    raise DataError(f"{contents.source} holds no usable picture{reason}")


def _paces(workers: dict[str, Pace]) -> dict[str, dict[str, Any]]:
    return {name: {**asdict(pace), "pictures_per_second": pace.pictures_per_second} for name, pace in workers.items()}
