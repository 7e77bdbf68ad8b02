"""What stands behind "milvus:": nothing, the path of an embedded one, or a server's address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from lookalike.errors import OptionError

SUFFIX = ".db"
"""By which pymilvus knows an embedded one."""
INSIDE = f"milvus{SUFFIX}"
"""Its name in the gallery's folder, where none is given."""
TOKEN = "LOOKALIKE_MILVUS_TOKEN"
"""The environment variable with what a server asks for: a token, or user:password."""


def checked(where: str) -> str:
    """The address to keep: as given, a path made absolute; "" is the gallery's own folder.

    Raises:
        OptionError: it is no address, or holds what must not be kept.
    """
    if not where:
        return where
    if "://" not in where:
        if not where.endswith(SUFFIX):
            raise OptionError(f"milvus:{where} is neither a server nor a file; give http://HOST:19530 or PATH{SUFFIX}")
        return str(Path(where).expanduser().resolve())
    parts = urlsplit(where)
    if parts.username is not None or parts.password is not None:
        raise OptionError(f"the address holds a name or password, which no gallery keeps; give it in {TOKEN}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OptionError(f"milvus:{where} is no server; give http://HOST:19530 or https://HOST")
    return where


def place(address: str, folder: Path) -> str:
    """What pymilvus is to open, for a gallery in that folder."""
    return address or str(folder.resolve() / INSIDE)


def is_embedded(opened: str) -> bool:
    """Whether it is one in a file, which one process has at a time."""
    return "://" not in opened
