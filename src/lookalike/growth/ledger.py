"""The folder that codes come into, and what of them is there already.

```
encoding.json            what was asked for, and at the end what came of it: written first, since it marks the folder
00000-NAME.parquet       the codes of a whole shard, in its order
rejected.jsonl           pictures that were set aside, with reasons
.parts/00001-00003.parquet   a piece of a shard that is not whole yet
```

A piece is there when its file was renamed into place, with all that was set aside of it in its footer: no moment of a
crash leaves half of it. A shard's file is there before its parts go.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lookalike import files
from lookalike.data.images import Rejected
from lookalike.data.parquet import ENCODING
from lookalike.errors import OptionError, RunError
from lookalike.growth.tables import parquet
from lookalike.growth.worker import ABOUT, HOW, Part
from lookalike.outputs import Outputs

REJECTED = "rejected.jsonl"
PARTS = ".parts"
_WHOLE = re.compile(r"(\d{5,})-.*\.parquet")
_PART = re.compile(r"(\d{5,})-(\d{5,})\.parquet")
_ODD = re.compile(r"[^\w.-]+", re.ASCII)
LONGEST_STEM = 80


@dataclass
class _Shard:
    """What is there of a shard: the numbers of its pieces, and how many it has, once that is known."""

    done: set[int] = field(default_factory=set)
    pieces: int | None = None
    is_whole: bool = False


class Ledger:
    """The codes of one source by one model.

    Args:
        folder: claimed by `own_folder`, its lock held by this process.
        names: what its shards are called.
        settings: JSON values that decide the codes: with others nothing is continued.
        force: begin anew where the folder holds something else.

    Raises:
        OptionError: it holds other codes.
    """

    def __init__(self, folder: Path, names: Sequence[str], settings: dict[str, Any], *, force: bool) -> None:
        self.folder = folder
        self.settings = settings
        self._names = names
        self.shards = [_Shard() for _ in names]
        self.pictures = 0
        self.length = 0
        before = self._before(force)
        self.is_finished = before is not None and bool(before["finished"])
        self.outcome: dict[str, Any] = before or {}
        if before is None:
            self._clear()
            files.write_json(self.folder / ENCODING, {"finished": False, **settings})
        self._look()

    def is_done(self, shard: int) -> bool:
        """Whether all of a shard is there."""
        return self.shards[shard].is_whole

    def done(self, shard: int) -> frozenset[int]:
        """The pieces of a shard that are there."""
        return frozenset(self.shards[shard].done)

    def add(self, part: Part) -> bool:
        """Keep a part; False where it is there already, as that of a worker which died after it was heard of."""
        shard = self.shards[part.shard]
        if shard.is_whole or part.number in shard.done:
            return False
        path = self._part(part.shard, part.number)
        files.write_bytes(path, part.table)
        self._count(part.shard, part.number, _about(path))
        self._gather(part.shard)
        return True

    def finish(self, outcome: dict[str, Any]) -> None:
        """Write what was set aside, and what came of all; then the codes are there."""
        self._write_rejected()
        self.outcome = {"finished": True, **self.settings, **outcome}
        files.write_json(self.folder / ENCODING, self.outcome)
        self.is_finished = True

    def files(self) -> list[Path]:
        """The files of whole shards, in the source's order."""
        return [self._whole(number) for number, shard in enumerate(self.shards) if shard.is_whole]

    def rejected(self) -> Iterator[Rejected]:
        """What was set aside, in the source's order."""
        for path in self.files():
            yield from (Rejected(*one) for one in _about(path)["rejected"])

    def skipped(self) -> Counter[str]:
        """What was not looked at within shards, by reason."""
        found: Counter[str] = Counter()
        for path in self.files():
            found.update(_about(path)["skipped"])
        return found

    def _before(self, force: bool) -> dict[str, Any] | None:
        """What an encoding before left, if it is to be gone on with."""
        path = self.folder / ENCODING
        if not path.is_file():
            return None
        try:
            before = dict(files.read_json(path))
            other = next((name for name, value in self.settings.items() if before[name] != value), None)
        except (OSError, ValueError, KeyError, TypeError):
            other, before = "damage", {}
        if other is None:
            return before
        if force:
            return None
        raise OptionError(
            f"{self.folder} holds codes of {_SAID.get(other, f'another {other}')}; give another --out, or --force to "
            "begin anew in it"
        )

    def _clear(self) -> None:
        """Take out what an encoding before wrote."""
        (self.folder / REJECTED).unlink(missing_ok=True)
        for folder, ours in ((self.folder, _WHOLE), (self.folder / PARTS, _PART)):
            for path in folder.glob("*.parquet"):
                if ours.fullmatch(path.name):
                    path.unlink()

    def _look(self) -> None:
        """See what is there; parts that their shard's file holds too are taken away."""
        for number in range(len(self._names)):
            path = self._whole(number)
            if path.is_file():
                about = _about(path)
                self.shards[number].is_whole = True
                self.pictures += about["pictures"]
                self.length += about["length"]
        for path in sorted((self.folder / PARTS).glob("*.parquet")):
            found = _PART.fullmatch(path.name)
            if found is None or int(found[1]) >= len(self._names) or self.shards[int(found[1])].is_whole:
                path.unlink()
                continue
            self._count(int(found[1]), int(found[2]), _about(path))
        for number in range(len(self._names)):
            self._gather(number)

    def _count(self, number: int, piece: int, about: dict[str, Any]) -> None:
        shard = self.shards[number]
        shard.done.add(piece)
        if about["is_last"]:
            shard.pieces = piece + 1
        self.pictures += about["pictures"]
        self.length += about["length"]

    def _gather(self, number: int) -> None:
        """Make the file of a shard all of whose pieces are there."""
        shard = self.shards[number]
        if shard.is_whole or shard.pieces is None or len(shard.done) < shard.pieces:
            return
        parts = [self._part(number, piece) for piece in range(shard.pieces)]
        told = [_about(part) for part in parts]
        about = {
            "pictures": sum(one["pictures"] for one in told),
            "rejected": [rejected for one in told for rejected in one["rejected"]],
            "skipped": dict(sum((Counter(one["skipped"]) for one in told), Counter())),
            "length": sum(one["length"] for one in told),
        }
        files.write_atomically(self._whole(number), lambda file: _join(parts, about, file))
        shard.is_whole = True
        for part in parts:
            part.unlink()

    def _write_rejected(self) -> None:
        def write(file: Any) -> None:
            for one in self.rejected():
                line = json.dumps(one._asdict(), ensure_ascii=False)
                file.write(f"{line}\n".encode(errors="backslashreplace"))

        files.write_atomically(self.folder / REJECTED, write)

    def _part(self, number: int, piece: int) -> Path:
        return self.folder / PARTS / f"{number:05d}-{piece:05d}.parquet"

    def _whole(self, number: int) -> Path:
        stem = self._names[number].rpartition("/")[2]
        stem = re.sub(r"\.(parquet|tar|tgz|zip|npy|npz)(\.\w+)?$", "", stem)
        return self.folder / f"{number:05d}-{_ODD.sub('-', stem)[:LONGEST_STEM]}.parquet"


_SAID = {
    "run": "another run's model",
    "source": "another source",
    "shards": "a source that has changed since",
    "framing": "pictures that are framed otherwise",
    "damage": f"nobody can tell what, since {ENCODING} is damaged",
    "reader": "another version of this program, or one with other extras",
    "format": "another version of this program",
}


@contextmanager
def own_folder(out: str | Path, *, force: bool) -> Iterator[Path]:
    """Claim the folder for codes and hold its lock, which the system releases even when the process is killed.

    Raises:
        OptionError: it holds what `encode` did not write.
        RunError: another process encodes into it.
    """
    folder = Outputs(force=force).own_folder(out, ENCODING)
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / PARTS / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunError(f"another process encodes into {folder}; wait for its end") from error
    try:
        yield folder
    finally:
        lock.release()
        if not any((folder / PARTS).glob("*.parquet")):
            shutil.rmtree(folder / PARTS, ignore_errors=True)


def _about(path: Path) -> dict[str, Any]:
    """What a file of codes says of itself. Raises RunError where it is damaged."""
    try:
        about: dict[str, Any] = json.loads(parquet().read_schema(path).metadata[ABOUT])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is damaged; delete it, and give the command again to encode its pictures anew"
        ) from error
    return about


def _join(parts: list[Path], about: dict[str, Any], file: Any) -> None:
    """One table of several, a part at a time; pieces without a picture leave nothing."""
    module = parquet()
    schema = module.read_schema(parts[0]).with_metadata({ABOUT: json.dumps(about).encode()})
    with module.ParquetWriter(file, schema, **HOW) as writer:
        for part in parts:
            table = module.read_table(part)
            if len(table):
                writer.write_table(table.cast(schema))
