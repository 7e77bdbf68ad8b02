"""FAISS, imported when it is first needed."""

from __future__ import annotations

from typing import Any


def load_faiss() -> Any:
    """The module; untyped, since its stubs do not know the arguments and classes that its Python layer adds."""
    import faiss

    return faiss
