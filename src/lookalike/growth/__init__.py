"""The same work on an engine of many machines."""

from lookalike.growth.encode import ENGINES, Encoded, encode_source

__all__ = ["ENGINES", "Encoded", "encode_source"]
