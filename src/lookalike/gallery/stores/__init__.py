"""Where a gallery's codes may be: in its folder, or in Milvus. What names a place is parsed here and nowhere else."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from lookalike.errors import OptionError
from lookalike.gallery.stores.contract import Codes as Codes
from lookalike.gallery.stores.contract import Named as Named
from lookalike.gallery.stores.contract import Rows as Rows
from lookalike.gallery.stores.contract import Store as Store
from lookalike.gallery.stores.contract import copied as copied
from lookalike.gallery.stores.local import LocalStore
from lookalike.gallery.stores.rowfile import RowFile as RowFile

DEFAULT = "local"
"""Where nothing else is asked."""

Fact = dict[str, Any] | None
"""A store as the catalog keeps it; None: local."""


def parsed(told: str) -> Fact:
    """What a catalog keeps of a place that a person names.

    Raises:
        OptionError: it is no such place, or holds a password, which must not lie in a gallery.
    """
    scheme, colon, where = told.partition(":")
    if (scheme, colon) == ("local", ""):
        return None
    if (scheme, colon) != ("milvus", ":"):
        raise OptionError(
            f"store is {told!r}; give local, milvus: (a file in the gallery's folder), milvus:PATH.db or "
            "milvus:http://HOST:19530"
        )
    from lookalike.gallery.stores.milvus.address import checked

    return {"kind": "milvus", "address": checked(where), "name": f"lookalike_{secrets.token_hex(6)}"}


def is_same(told: str, fact: Fact) -> bool:
    """Whether a person names the place that a catalog keeps."""
    asked = parsed(told)
    if asked is None or fact is None:
        return asked is fact
    return bool(asked["address"] == fact["address"])


def told_of(fact: Fact) -> str:
    """What a person would name it by."""
    return "local" if fact is None else f"{fact['kind']}:{fact['address']}"


def store_at(fact: Fact, folder: Path) -> Store:
    """The place that a catalog keeps; nothing is opened before it is asked.

    Raises:
        MissingExtraError: it is in Milvus, whose client is not installed.
    """
    if fact is None:
        return LocalStore(folder)
    from lookalike.gallery.stores.milvus.store import MilvusStore

    return MilvusStore(told_of(fact), fact["address"], fact["name"], folder)
