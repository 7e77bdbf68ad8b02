"""What a SOURCE is made of: all that DATA takes, and tars, zips and Parquet files, many at once, here or in a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lookalike.data import arrays
from lookalike.data.cache import content_digest
from lookalike.data.framing import Framing
from lookalike.data.located import Drawn, Located, drawn_of, locate, reader_state
from lookalike.data.names import readable, unique_namer, why_skipped
from lookalike.data.options import DataOptions
from lookalike.data.stored import StoredFile, is_address, stored_files
from lookalike.errors import DataError, OptionError
from lookalike.growth.shards import FILES_OF_A_SHARD, ArchiveShard, FolderShard, PixelShard, Shard, TableShard
from lookalike.growth.tables import rows_of_table

ARCHIVES = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".zip")
TABLES = (".parquet",)


@dataclass(frozen=True)
class Contents:
    """The shards of a source, how their pictures are framed, and what is not looked at besides, by reason."""

    source: str
    shards: list[Shard]
    framing: Framing
    skipped: Mapping[str, int] = field(default_factory=dict)
    unseen: Sequence[str] = ()
    reader: Sequence[object] = field(default_factory=reader_state)

    @property
    def total(self) -> int | None:
        """How many pictures there are, None where an archive has to be read for it."""
        known = [shard.pictures for shard in self.shards if shard.pictures is not None]
        return sum(known) if len(known) == len(self.shards) else None


def contents_of(source: str | Path, options: DataOptions) -> Contents:
    """Look at a source, without reading its pictures.

    Args:
        source: what `la.load` takes; a Parquet file with a column of pictures; a folder of tars, zips or Parquet files;
            a pattern of such (`shard-{000..010}.tar`, `shards/*.tar`); or the address of one of these or of a folder
            of pictures, as fsspec or PyArrow knows it: `s3://bucket/shards/`, `gs://`, `file://`.
        options: how it is to be read; size, crop and fit are given.

    Raises:
        DataError: it is not there, of no kind that can be read, or holds no pictures.
        OptionError: the options do not fit it.
        MissingExtraError: it needs an extra that is not installed.
    """
    text = str(source)
    is_here = Path(text).expanduser().exists()
    if not is_here and is_address(text):
        return _of_files(text, stored_files(text), options)
    if is_here and text.lower().endswith(TABLES):
        return _of_files(text, stored_files(text), options)
    located = locate(source, options)
    drawn = drawn_of(source)
    if drawn is not None:
        return _of_drawn(drawn, options)
    assert located is not None
    if options.attributes is not None and located.table is None:
        raise OptionError(
            f"--attributes {options.attributes} chooses no pictures, as a table in LFW's layout does; leave it out, "
            "and join it to the codes by their names"
        )
    if located.listing is not None and not located.listing.entries:
        found = stored_files(text)
        if any(_kind_of(file) in ("archive", "table") for file in found):
            return _of_files(text, found, options)
    return _of_located(located, options)


def _of_located(located: Located, options: DataOptions) -> Contents:
    place = str(located.path)
    if located.kind == "array":
        count = len(arrays.read_array(located.path))
        size = located.path.stat().st_size
        shards = _rows(place, content_digest(located.path), count, size, None)
        return Contents(place, shards, located.framing)
    labels = located.labels()
    entries = located.wanted_entries(labels)
    if entries is None:
        state = [content_digest(located.path), *([] if located.table is None else [content_digest(located.table)])]
        is_lfw, size = located.layout == "lfw", located.path.stat().st_size
        whole = ArchiveShard(
            located.path.name, "|".join(state), size, place=located.path, is_lfw=is_lfw, table=located.table
        )
        return Contents(place, [whole], located.framing)
    files: list[tuple[str, Path | StoredFile]] = []
    states = []
    for entry in entries:
        files.append((labels.of(entry.name).name, located.path / entry.name))
        states.append(f"{entry.name}|{entry.size}|{entry.modified}")
    sizes = [max(entry.size, 0) for entry in entries]
    return Contents(place, _folder(files, states, sizes), located.framing, dict(located.skipped), tuple(located.unseen))


def _of_drawn(drawn: Drawn, options: DataOptions) -> Contents:
    framing = options.framing(Framing(fit="stretch"))
    options = options.like(framing)
    return Contents(str(drawn), _rows(str(drawn), "", drawn.pictures, 0, options), framing)


def _of_files(source: str, found: list[StoredFile], options: DataOptions) -> Contents:
    """Shards where there are such, else a folder of pictures."""
    if options.attributes is not None:
        raise OptionError(f"--attributes goes with LFW in one folder or archive; leave {options.attributes} out")
    framing = options.framing(Framing())
    kinds = [_kind_of(file) for file in found]
    skipped = Counter(str(why_skipped(file.name)) for file, kind in zip(found, kinds, strict=True) if kind is None)
    if "picture" in kinds:
        pictures = [file for file, kind in zip(found, kinds, strict=True) if kind == "picture"]
        named = unique_namer()
        files: list[tuple[str, Path | StoredFile]] = [(named(readable(file.name)), file) for file in pictures]
        states = [f"{file}|{file.state}" for file in pictures]
        return Contents(source, _folder(files, states, [file.size for file in pictures]), framing, skipped)
    several = sum(kind in ("archive", "table") for kind in kinds) > 1
    shards: list[Shard] = []
    for file, kind in zip(found, kinds, strict=True):
        prefix = f"{file.name}/" if several else ""
        if kind == "archive":
            is_lfw = options.layout == "lfw"
            shards.append(ArchiveShard(file.name, file.state, file.size, place=file, prefix=prefix, is_lfw=is_lfw))
        elif kind == "table":
            shards.append(TableShard(file.name, file.state, file.size, rows_of_table(file), file, prefix))
    if not shards:
        held = ", ".join(sorted({PurePosixPath(file.path).suffix or "no suffix" for file in found}))
        raise DataError(f"{source} holds no pictures, tars, zips or Parquet files (but {held}); give a source of these")
    return Contents(source, shards, framing, skipped)


def _folder(files: list[tuple[str, Path | StoredFile]], states: list[str], sizes: list[int]) -> list[Shard]:
    """The files of a folder, so many a shard."""
    shards: list[Shard] = []
    for start in range(0, len(files), FILES_OF_A_SHARD):
        part = slice(start, start + FILES_OF_A_SHARD)
        name = f"pictures-{start:08d}"
        shards.append(
            FolderShard(name, "\n".join(states[part]), sum(sizes[part]), len(files[part]), tuple(files[part]))
        )
    return shards


def _rows(place: str, state: str, count: int, size: int, options: DataOptions | None) -> list[Shard]:
    """The rows of an array, so many a shard."""
    shards: list[Shard] = []
    for start in range(0, count, FILES_OF_A_SHARD):
        rows = min(FILES_OF_A_SHARD, count - start)
        shards.append(PixelShard(place, f"{state}|{start}", size * rows // count, rows, options, start))
    return shards


def _kind_of(file: StoredFile) -> str | None:
    """ "picture", "archive" or "table", by its name; None for what is neither, hidden, or put there by a system."""
    why = why_skipped(file.name)
    if why is None:
        return "picture"
    if not why.startswith("."):
        return None
    lower = file.path.lower()
    return "archive" if lower.endswith(ARCHIVES) else "table" if lower.endswith(TABLES) else None
