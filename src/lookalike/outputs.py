"""Where results may be written: nothing that was there is written over.

One rule for every command that writes pictures, tables, pages or exports. What a command reads it never writes onto.
Of what else is there, a file that the user names is refused, and a name of our own choice in a folder makes way to a
free one, unless `--force` says that it may be written over. A name counts as there in whatever way it leads to
something: through a link, even one that leads nowhere, in another spelling, or in another case.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from lookalike.errors import OptionError
from lookalike.files import real, with_end


class Outputs:
    """The names that one call may write.

    Args:
        inputs: files and folders that the call reads. In a folder that is read new files may be written.
        force: whether files that are there, and are not read, may be written over.
    """

    def __init__(self, inputs: Iterable[str | Path] = (), *, force: bool = False) -> None:
        self._inputs = [Path(one) for one in inputs]
        self._force = force
        self._given: set[str] = set()

    def file(self, named: str | Path) -> Path:
        """A file that the user names, to be written whole.

        Raises:
            OptionError: it is read by the call, is there already, is a folder, or lies in something that is none.
        """
        path = Path(named)
        self.folder(path.parent)
        if path.is_dir():
            raise OptionError(f"{path} is a folder; give the name of a file in it")
        if self._reads(path):
            raise OptionError(f"{path} is read here, and would be written over; give the result another name")
        if self._is_there(path):
            raise OptionError(f"{path} is there already; give another name, or --force to write over it")
        self._given.add(_key(path))
        return path

    def free(self, wanted: str | Path) -> Path:
        """The name, or the next with a running number that is free: `sheet.png`, `sheet-2.png`."""
        return self.free_together(Path(wanted).parent, [Path(wanted).name])[0]

    def free_together(self, folder: str | Path, names: Sequence[str]) -> list[Path]:
        """Files that belong together, in one folder: all with the same running number, where one of them is taken.

        Raises:
            OptionError: the folder is a file.
        """
        inside, number = self.folder(folder), 1
        paths = [with_end(inside / name, "") for name in names]
        while any(self._is_taken(path) for path in paths):
            number += 1
            paths = [inside / name for name in names]
            paths = [with_end(path, f"-{number}") for path in paths]
        self._given |= {_key(path) for path in paths}
        return paths

    def folder(self, named: str | Path) -> Path:
        """A folder that takes files whose names are asked for one by one; it need not be there.

        Raises:
            OptionError: it is a file, or lies in one, or in a folder that may not be written into.
        """
        folder = Path(named)
        for part in (folder, *folder.parents):
            # Path.is_dir raises where a folder above may not be entered.
            if os.path.isdir(part):  # noqa: PTH112
                if not os.access(part, os.W_OK | os.X_OK):
                    raise OptionError(f"{folder} cannot be written into (no permission); give another folder")
                break
            if os.path.lexists(part):
                raise OptionError(f"{part} is a file, so no folder can be there; give another name")
        return folder

    def folder_for(self, named: str | Path, names: Sequence[str] | None = None) -> Path:
        """A folder for files whose names are fixed: with a running number, `site-2`, where one of them is taken.

        Without `names` the folder is taken by whatever is in it.

        Raises:
            OptionError: it is a file; or a name in it is taken, and it is the current folder or above that, beside
                which nobody would look for another.
        """
        wanted, number = self.folder(named), 1
        folder = wanted
        while self._holds_some(folder, names):
            if real(Path.cwd()).is_relative_to(real(wanted)):
                raise OptionError(
                    f"{wanted} holds files of the same names already; give a folder of its own, or --force to write "
                    "over them"
                )
            number += 1
            folder = wanted.parent / f"{wanted.name}-{number}"
        return folder

    def own_folder(self, named: str | Path, mark: str) -> Path:
        """A folder that is new or empty, or that this command made before, which the file `mark` in it tells.

        Raises:
            OptionError: it holds what the command did not write.
        """
        folder = self.folder(named)
        is_own = not folder.is_dir() or (folder / mark).is_file() or not any(folder.iterdir())
        if not is_own and not self._force:
            raise OptionError(f"{folder} holds other files; give a folder of its own, or --force to write over them")
        return folder

    def _holds_some(self, folder: Path, names: Sequence[str] | None) -> bool:
        if os.path.lexists(folder) and not folder.is_dir():
            return True
        if names is not None:
            return any(self._is_taken(folder / name, or_folder=False) for name in names)
        return folder.is_dir() and not self._force and any(folder.iterdir())

    def _is_taken(self, path: Path, *, or_folder: bool = True) -> bool:
        is_folder = or_folder and path.is_dir()  # which no file can be written over
        return _key(path) in self._given or self._reads(path) or self._is_there(path) or is_folder

    def _is_there(self, path: Path) -> bool:
        return os.path.lexists(path) and not self._force

    def _reads(self, path: Path) -> bool:
        return any(_are_one(path, read) for read in self._inputs)


def _are_one(path: Path, read: Path) -> bool:
    try:
        return path.samefile(read)
    except OSError:  # one of them is not there
        return False


def _key(path: Path) -> str:
    """Two names that may lead to one file on some system, in any case and form of Unicode, have one key."""
    return unicodedata.normalize("NFC", str(real(path.parent) / path.name).casefold())
