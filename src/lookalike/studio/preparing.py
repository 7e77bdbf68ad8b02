"""What takes long is made once, in a process of its own, and kept: ONNX models, directions, a t-SNE map, a threshold.

Everything lies in one folder under names that hold what it was made from, so that nothing stale is ever shown. A
process of its own because the exporter and scikit-learn would keep a server's threads waiting for seconds.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from lookalike import files
from lookalike.errors import LookalikeError, OptionError, RunError
from lookalike.gallery.folder import MODEL
from lookalike.interop.onnx_runtime import exported_files
from lookalike.models.store import DESCRIPTION
from lookalike.studio.runs import newest_state

if TYPE_CHECKING:
    from lookalike.data.pipeline import Progress
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.snapshot import Snapshot
    from lookalike.models.base import Autoencoder

FOLDER = "studio"
KINDS = ("models", "threshold", "directions", "tsne", "groups", "sampler", "copies", "screening", "outliers")
PROGRESS = "progress.json"
TELL_EVERY = 0.5
"""Seconds between two notes of how far something is."""
NICENESS = 19
"""Of the process that makes things: searches go first."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Its environment: it takes one core at most."""
PRINCIPAL = 16
"""Share of the pictures that a column must be known of to be learned from: each must know all columns that are."""
_log = logging.getLogger(__name__)


class Prepared:
    """The folder of what was made, asked by what it was made from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def models(self, digest: str) -> Path | None:
        """The folder of the exported model of that digest, None where it is not there."""
        path = self.models_folder(digest)
        return None if exported_files(path) is None else path

    def models_folder(self, digest: str) -> Path:
        """Where that folder is, or will be."""
        return self.folder / f"models-{digest[:16]}"

    def known(self, kind: str, digest: str) -> Any:
        """The JSON value made from the gallery of that digest, None where it is not there."""
        try:
            return json.loads(self.path(kind, digest).read_bytes())
        except (OSError, ValueError):
            return None

    def path(self, kind: str, digest: str) -> Path:
        """Where such a value lies."""
        return self.folder / f"{kind}-{digest}.json"

    def teller(self, kind: str) -> Progress:
        """What notes how far something is, (done, of how many), for `progress`."""
        told = 0.0

        def tell(done: int, total: int | None) -> None:
            nonlocal told
            if (now := time.monotonic()) - told >= TELL_EVERY or done == total:
                told = now
                files.write_json(self.folder / PROGRESS, {"kind": kind, "done": done, "total": total})

        return tell

    def progress(self, kind: str) -> tuple[int, int | None] | None:
        """How far something is that is being made, where that is known."""
        try:
            told = json.loads((self.folder / PROGRESS).read_bytes())
        except (OSError, ValueError):
            return None
        return (told["done"], told["total"]) if told["kind"] == kind else None

    def keep(self, kind: str, digest: str, value: Any) -> None:
        """Write a value, and remove those of earlier states of the gallery."""
        files.write_json(self.path(kind, digest), value)
        for path in self.folder.glob(f"{kind}-*.json"):
            if path != self.path(kind, digest):
                path.unlink(missing_ok=True)


def folder_for(gallery: Path) -> Path:
    """The gallery's own folder for what was made, or a temporary one where the gallery cannot be written to."""
    folder = gallery / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="lookalike-studio-"))


def run_key(run: Path) -> str:
    """16 hexadecimal digits that change when a run's model does, without reading it.

    Raises:
        RunError: there is neither a model nor a checkpoint.
    """
    path = newest_state(run)
    if path is None:
        raise RunError(f"{run} holds no model; train one with: lookalike train DATA --run {run}")
    facts = path.stat()
    text = f"{path.resolve()}\0{facts.st_mtime_ns}\0{facts.st_size}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def prepare(kinds: Iterable[str], gallery: Path, folder: Path, *, seed: int = 0) -> None:
    """Make what of `kinds` is not there yet; another process that makes the same is waited for.

    Raises:
        OptionError: a kind is unknown.
        LookalikeError: as what makes it.
    """
    from lookalike.gallery import Gallery

    prepared = Prepared(folder)
    with FileLock(folder / ".lock"), Gallery.open(gallery, create=False) as held:
        snapshot = held.snapshot()
        for kind in kinds:
            if kind not in KINDS:
                raise OptionError(f"{kind!r} is nothing that can be made; give one of {', '.join(KINDS)}")
            if kind == "models":
                digest = str(snapshot.catalog.fact("model"))
                _export(digest, gallery / MODEL, prepared, lambda: held.model)
            elif kind == "threshold":
                held.threshold(seed=seed)
                held.duplicate_threshold(seed=seed)
            elif prepared.known(kind, snapshot.digest) is None:
                prepared.keep(kind, snapshot.digest, made(kind, held, snapshot, prepared, seed))


def directions(gallery: Gallery, snapshot: Snapshot, seed: int = 0) -> list[dict[str, Any]]:
    """The leading directions of a gallery's codes and, where it has attributes, theirs: facts with vectors.

    Attributes are learned from the pictures that have all of them; columns that never change, or that few pictures
    have, are left out.
    """

    from lookalike.editing.attributes import LEAST_CODES, attribute_directions, complete_sides
    from lookalike.editing.directions import FOLDS, numbered_groups, principal_directions
    from lookalike.studio.descriptions import direction_facts

    view = snapshot.view
    found = principal_directions(view.codes, PRINCIPAL) if len(view.ids) > 1 else []
    table = gallery.attributes
    if table is not None and list(table.index) == list(view.names):
        known = complete_sides(table)
        places = known.index.to_numpy()
        people = [view.people[place] or "" for place in places]
        folds = min(FOLDS, int(numbered_groups(people, len(people)).max()) + 1) if people else 0
        if len(places) >= LEAST_CODES and folds >= 2 and len(known.columns):
            found += attribute_directions(view.codes[places], known, people=people, folds=folds, seed=seed)
    return [direction_facts(direction) for direction in found]


def tsne_points(snapshot: Snapshot, seed: int = 0) -> list[list[float]]:
    """The t-SNE map of a gallery, four decimals, in the order of its names."""
    from lookalike.studio.maps import layout

    points = layout(snapshot.index.metric.transform(snapshot.view.codes), "tsne", seed=seed)
    return [[round(float(x), 4), round(float(y), 4)] for x, y in points]


def sampler_facts(snapshot: Snapshot, seed: int = 0) -> dict[str, Any]:
    """A mixture of a gallery's codes, as `Mixture.as_json` has it; nothing where there are too few."""
    from lookalike.sampling.fitting import fit_mixture
    from lookalike.sampling.mixture import LEAST_CODES

    codes = snapshot.view.codes
    return {} if len(codes) < LEAST_CODES else fit_mixture(codes, seed=seed).as_json()


def made(kind: str, gallery: Gallery, snapshot: Snapshot, prepared: Prepared, seed: int) -> Any:
    """What becomes a JSON value, kept under the state of the gallery that it was made from."""
    from lookalike.studio import descriptions, reviewing

    if kind == "directions":
        return directions(gallery, snapshot, seed)
    if kind == "tsne":
        return tsne_points(snapshot, seed)
    if kind == "groups":
        return descriptions.groups_found(gallery, snapshot)
    if kind == "sampler":
        return sampler_facts(snapshot, seed)
    if kind == "copies":
        return reviewing.copies_value(gallery, seed)
    if kind == "screening":
        return reviewing.screening_value(gallery, prepared.teller(kind))
    return reviewing.outliers_value(gallery)


def _export(key: str, saved: Path, prepared: Prepared, model: Callable[[], Autoencoder]) -> None:
    """From the saved files where the kind allows it, else through PyTorch."""
    from lookalike.interop.onnx_export import export_onnx, export_saved

    folder = prepared.models_folder(key)
    if prepared.models(key) is not None:
        return
    if not ((saved / DESCRIPTION).is_file() and export_saved(saved, key, folder)):
        export_onnx(model(), folder)


class Preparer:
    """Starts processes that make what is wanted, one at a time, and knows what is still to come."""

    def __init__(self, gallery: Path, folder: Path, *, seed: int = 0) -> None:
        self.gallery = gallery
        self.folder = folder
        self.seed = seed
        self._wanted: list[str] = []
        self._making: list[str] = []
        self._failed: dict[str, str] = {}
        self._changed = threading.Condition()
        self._child: subprocess.Popen[str] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="preparing", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> list[str]:
        """What is being made or waits to be."""
        with self._changed:
            return list(dict.fromkeys([*self._making, *self._wanted]))

    @property
    def failed(self) -> dict[str, str]:
        """What could not be made, and why: it is not tried again before `forgive`."""
        with self._changed:
            return dict(self._failed)

    def want(self, *kinds: str) -> None:
        """Let these be made; what waits already, or has failed, is not asked for again."""
        with self._changed:
            known = {*self._wanted, *self._failed}
            self._wanted += [kind for kind in kinds if kind not in known]
            self._changed.notify_all()

    def forgive(self) -> None:
        """What has failed may be asked for again, of another state of the gallery."""
        with self._changed:
            self._failed = {}

    def close(self) -> None:
        """End the process that is at work, if any."""
        with self._changed:
            self._closed = True
            if self._child is not None:
                self._child.terminate()
            self._changed.notify_all()
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._wanted and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                self._making, self._wanted = self._wanted, []
                command = [sys.executable, "-m", __name__, json.dumps(self._order())]
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    env={**os.environ, **ONE_THREAD},
                )
            _, told = self._child.communicate()
            with self._changed:
                if self._child.returncode and not self._closed:
                    problems = _problems(told, self._making)
                    self._failed |= problems
                    for kind, reason in problems.items():
                        _log.warning("%s could not be made: %s", kind, reason)
                self._making, self._child = [], None

    def _order(self) -> dict[str, Any]:
        return {
            "kinds": self._making,
            "gallery": str(self.gallery),
            "folder": str(self.folder),
            "seed": self.seed,
        }


def _problems(told: str, kinds: list[str]) -> dict[str, str]:
    """What of these kinds could not be made, and why, by the last line that the process said."""
    last = (told.strip().splitlines() or ["it was ended"])[-1]
    try:
        return {str(kind): str(reason) for kind, reason in json.loads(last).items()}
    except (ValueError, AttributeError):
        return dict.fromkeys(kinds, last)


def _main() -> None:
    order = json.loads(sys.argv[1])
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    gallery, folder, problems = Path(order["gallery"]), Path(order["folder"]), {}
    for kind in order["kinds"]:
        try:
            prepare([kind], gallery, folder, seed=order["seed"])
        except (LookalikeError, OSError) as error:
            problems[kind] = " ".join(str(error).split())
    if problems:
        sys.exit(json.dumps(problems))


if __name__ == "__main__":
    _main()
