"""On a cluster, by Ray Data: tasks that read shards, and actors that load the model once and encode pieces.

A piece is one row of one block: so an actor that dies takes one piece along, which Ray gives to another, and the parts
come back in whatever order. Contents of streams travel through Ray's object store, which writes to disk what has no
room; pictures that are files are opened by the actor that encodes them.
"""

from __future__ import annotations

import logging
import os
import pickle
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lookalike.data.framing import Framing
from lookalike.data.pipeline import available_cores
from lookalike.errors import EngineError, LookalikeError, MissingExtraError
from lookalike.growth.shards import Left
from lookalike.growth.worker import Part, Worker
from lookalike.models.base import Autoencoder
from lookalike.models.batched import lone_products

READING, ENCODING = 0.25, 0.75
"""Cores that a task which reads, and an actor which encodes, are counted as: of two cores both kinds have some."""
COLUMN = "content"
ModelFiles = dict[str, bytes]
"""A saved model, its files by name: what actors on other machines are given, who may not see the run's folder."""


def encoded_on_ray(model: Autoencoder, framing: Framing, left: Left, most: int, address: str | None) -> Iterator[Part]:
    """The parts of what is left.

    Args:
        model: the fitted model.
        framing: how pictures are brought to its size.
        left: the shards, with their numbers, and those of their pieces that are done.
        most: pictures of a piece.
        address: of a cluster, "auto" for the one that this machine belongs to; None starts Ray on this machine alone.

    Raises:
        MissingExtraError: Ray is not installed.
        EngineError: the cluster cannot be reached, or the work fails there.
    """
    ray = _ray()
    data = ray.data
    with _connected(ray, address), _settings(data):
        rows = [{COLUMN: pickle.dumps(shard)} for shard in left]
        pieces = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Reader(most), batch_size=1, batch_format="pyarrow", num_cpus=READING
        )
        parts = pieces.map_batches(
            Encoder,
            fn_constructor_args=(_files_of(model), framing, model.by_pytorch),
            batch_size=1,
            batch_format="pyarrow",
            **_actors(ray),
        )
        try:
            for batch in parts.iter_batches(batch_size=1, batch_format="pyarrow", prefetch_batches=0):
                yield pickle.loads(batch[COLUMN][0].as_buffer())
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise _told(error) from None


class _Reader:
    """Reads shards into pieces, in a task."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, batch: Any) -> Iterator[Any]:
        for content in batch[COLUMN]:
            number, shard, done = pickle.loads(content.as_buffer())
            for piece in shard.pieces(number, self.most, done):
                yield _row(piece)


class Encoder:
    """Encodes pieces, in an actor of its own: the model is loaded once."""

    def __init__(self, model: ModelFiles, framing: Framing, by_pytorch: bool) -> None:
        from lookalike.models.loading import load_model, open_model

        ray = _ray()
        cores = ray.get_runtime_context().get_assigned_resources().get("CPU", 1)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in model.items():
                (Path(folder) / name).write_bytes(content)
            held = load_model(folder) if by_pytorch else open_model(folder, threads=1)
            self.worker = Worker(held, framing, max(1, round(cores)))
        self.name = f"{ray.util.get_node_ip_address()} process {os.getpid()}"

    def __call__(self, batch: Any) -> Any:
        """A part of a piece, each a row."""
        if torch := sys.modules.get("torch"):  # which a PCA never imports
            torch.set_num_threads(1)
        (content,) = batch[COLUMN]
        with lone_products():
            return _row(self.worker(pickle.loads(content.as_buffer()), self.name))


def _row(value: Any) -> Any:
    import pyarrow

    return pyarrow.table({COLUMN: pyarrow.array([pickle.dumps(value)], pyarrow.large_binary())})


def _files_of(model: Autoencoder) -> ModelFiles:
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _actors(ray: Any) -> dict[str, Any]:
    """How many actors there are, and what each needs: a GPU where there are such, else a core."""
    held = ray.cluster_resources()
    cores, gpus = held.get("CPU", 1.0), int(held.get("GPU", 0))
    needs = {"num_cpus": ENCODING}
    if gpus:
        needs = {"num_gpus": 1, "num_cpus": ENCODING * max(1, cores // gpus)}
    return {"compute": ray.data.ActorPoolStrategy(size=gpus or max(1, int(cores))), **needs}


def _ray() -> Any:
    """Ray's module; what it does stays here. Raises MissingExtraError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it tells of each actor that it could not be restarted
    try:
        import ray.data
    except ImportError:
        raise MissingExtraError("ray", "encoding on Ray") from None
    return ray


@contextmanager
def _settings(data: Any) -> Iterator[None]:
    """Ray Data's settings for this work: every row is a block, so that it is a task; no bars beside ours."""
    context = data.DataContext.get_current()
    ours = {"target_max_block_size": 1, "enable_progress_bars": False, "print_on_execution_start": False}
    before = {name: getattr(context, name) for name in ours}
    logger = logging.getLogger("ray.data")
    level = logger.level
    for name, value in ours.items():
        setattr(context, name, value)
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            setattr(context, name, value)


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """Connect Ray, and leave it as it was found."""
    was_connected = ray.is_initialized()
    if not was_connected:
        try:
            if address is None:
                ray.init("local", num_cpus=available_cores(), include_dashboard=False, **_QUIET)
            else:
                ray.init(address=address, **_QUIET)
        except Exception as error:  # of many kinds, plain ones where a start takes too long
            raise EngineError(
                f"Ray at {address or 'this machine'} cannot be reached ({' '.join(str(error).split())}); start one "
                "with: ray start --head, or leave --address out"
            ) from error
    try:
        yield
    finally:
        if not was_connected:
            ray.shutdown()


_QUIET: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}


def _told(error: Exception) -> LookalikeError:
    """What went wrong on a worker, without the way it took; the package's own errors as they are."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, LookalikeError):
        return cause
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return EngineError(f"Ray could not go on: {lines[-1] if lines else type(cause).__name__}; what is done stays done")
