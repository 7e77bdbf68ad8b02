"""How large a JPEG XL picture claims to be: its decoder makes room for all of it before it tells."""

from __future__ import annotations

from lookalike.errors import PictureError

_BOXES = b"\0\0\0\x0cJXL \r\n\x87\n"
_WIDTHS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
"""Of the height, by the number that stands behind it; with 0 the width has a number of its own."""


def jxl_size(content: bytes) -> tuple[int, int]:
    """Width and height as the SizeHeader of ISO/IEC 18181-1 has them.

    Raises:
        PictureError: there is no such header where it should be.
    """
    stream = _codestream(content)
    if stream[:2] != b"\xff\x0a" or len(stream) < 12:
        raise PictureError("is a damaged JPEG XL: it does not say its size")
    bits = _Bits(stream[2:12])
    is_small = bool(bits.take(1))
    height = _side(bits, is_small)
    ratio = bits.take(3)
    if ratio == 0:
        return _side(bits, is_small), height
    over, under = _WIDTHS[ratio]
    return height * over // under, height


def _side(bits: _Bits, is_small: bool) -> int:
    if is_small:
        return 8 * (1 + bits.take(5))
    return 1 + bits.take((9, 13, 18, 30)[bits.take(2)])


class _Bits:
    """Numbers whose lowest bit comes first."""

    def __init__(self, content: bytes) -> None:
        self._left = int.from_bytes(content, "little")

    def take(self, count: int) -> int:
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value


def _codestream(content: bytes) -> bytes:
    """The beginning of the picture itself, from its box where it lies in one."""
    if not content.startswith(_BOXES):
        return content[:12]
    at = 0
    while at + 8 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        start = at + 8
        if length == 1:
            length, start = int.from_bytes(content[at + 8 : at + 16], "big"), at + 16
        if kind == b"jxlc":
            return content[start : start + 12]
        if kind == b"jxlp":  # a part, behind its number
            return content[start + 4 : start + 16]
        if length < start - at:  # 0 reaches to the end, all else is none
            break
        at += length
    return b""
