"""Encoders from elsewhere at work: an ONNX graph over pictures, and one over texts, on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike import graphs
from lookalike.errors import LookalikeError, MissingExtraError, OptionError, WeightsError
from lookalike.pixels import Floats

LAYOUTS = ("nchw", "nhwc")
POOLS = ("cls", "mean")
CHANNELS = (1, 3)
DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
IDS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
AT_ONCE = 250 * 64 * 64 * 3
"""Values of the pictures that go through a graph together."""
LEAST_LENGTH = 1e-12
"""Of codes that are divided by theirs."""
LARGEST_TEXT = 2000
"""Characters."""


class Form(NamedTuple):
    """How a graph takes pictures, and what it gives of them.

    Attributes:
        input: its name.
        dtype: float32, float16, or uint8, which takes pixels as they are.
        layout: "nchw" or "nhwc".
        batch: pictures at once; None for any number.
        size: (height, width), None each where any goes.
        channels: 1 or 3; None where the graph does not say.
        output: its name.
    """

    input: str
    dtype: Any
    layout: str
    batch: int | None
    size: tuple[int | None, int | None]
    channels: int | None
    output: str


def form_of(held: Any, layout: str = "", output: str = "") -> Form:
    """What a session's graph says of itself; `layout` and `output` are the user's word, "" where there is none.

    Raises:
        OptionError: it is no encoder of pictures, or does not say enough; the text names what is to be given.
    """
    inputs = held.get_inputs()
    if len(inputs) != 1:
        raise OptionError(
            f"the graph takes {len(inputs)} inputs ({_names(inputs)}), an encoder of pictures takes one; export that "
            "half alone"
        )
    (given,) = inputs
    if given.type not in DTYPES:
        raise OptionError(f"the input {given.name} is {given.type}; pictures go in as {', '.join(DTYPES)}")
    shape = [_side(side) for side in given.shape]
    if len(shape) != 4:
        raise OptionError(f"the input {given.name} has shape {given.shape}; pictures need four axes")
    layout = _layout_of(given, shape, layout)
    batch, (height, width, channels) = shape[0], _in_order(shape[1:], layout)
    return Form(given.name, DTYPES[given.type], layout, batch, (height, width), channels, _output_of(held, output))


def _layout_of(given: Any, shape: list[int | None], asked: str) -> str:
    possible = [layout for layout in LAYOUTS if _in_order(shape[1:], layout)[2] in (*CHANNELS, None)]
    sure = [layout for layout in possible if _in_order(shape[1:], layout)[2] is not None]
    if asked and asked not in LAYOUTS:
        raise OptionError(f"layout is {asked!r}; give nchw or nhwc")
    if asked and asked not in possible:
        raise OptionError(f"layout is {asked}, but the input {given.name} has shape {given.shape}; leave it out")
    if not possible:
        raise OptionError(f"the input {given.name} has shape {given.shape}, of which no axis is 1 or 3 colours")
    found = [asked] if asked else sure or possible
    if len(found) > 1:
        raise OptionError(f"the input {given.name} has shape {given.shape}; say --layout nchw or --layout nhwc")
    return found[0]


def _in_order(sides: list[int | None], layout: str) -> tuple[int | None, int | None, int | None]:
    """(height, width, channels) of the last three sides of a layout."""
    first, second, third = sides
    return (second, third, first) if layout == "nchw" else (first, second, third)


def _output_of(held: Any, asked: str) -> str:
    outputs = held.get_outputs()
    if asked:
        if asked not in [one.name for one in outputs]:
            raise OptionError(f"the graph has no output {asked}; give one of {_names(outputs)}")
        return asked
    flat = [one for one in outputs if one.shape and len(one.shape) == 2]
    found = flat if len(flat) == 1 else outputs
    if len(found) != 1:
        raise OptionError(
            f"the graph has {len(outputs)} outputs; say with --output which holds the codes: {_names(outputs)}"
        )
    return str(found[0].name)


def _names(values: Any) -> str:
    return ", ".join(f"{one.name} {one.shape}" for one in values)


def _side(side: Any) -> int | None:
    """A side that the graph fixes; None for one that it calls by a name."""
    return side if isinstance(side, int) and side > 0 else None


class ImageGraph:
    """An encoder of pictures.

    Args:
        content: the ONNX file's.
        layout, output: see `form_of`.
        mean, std: of the colours, where pixels are 0 to 1: (value - mean) / std goes in.
        pool: "cls" (the first token), "mean" (of all tokens, or places of a map), or "" for codes as they come.
        normalise: whether codes are brought to length 1.
    """

    def __init__(
        self,
        content: bytes,
        layout: str,
        output: str,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        pool: str,
        normalise: bool,
    ) -> None:
        graphs.parsed(content)
        self._session = graphs.session(content)
        self.form = form_of(self._session, layout, output)
        self._mean, self._std = np.array(mean or (0,), np.float32), np.array(std or (1,), np.float32)
        self._pool, self._normalise = pool, normalise
        if self.form.dtype == np.uint8 and (mean or std):
            raise OptionError(
                f"the input {self.form.input} takes pixels of 0 to 255 as they are; leave --mean and --std out"
            )
        if self.form.channels == 1 and 3 in (len(mean), len(std)):
            raise OptionError("the graph takes grey pictures; give one number as --mean and --std")

    def __call__(self, pictures: Floats) -> Floats:
        """Codes (n, K) float32 of centred pictures (n, H, W, C).

        Raises:
            OptionError: the graph gives no codes of rank 2, and no pooling is asked for.
            WeightsError: codes are not finite.
            LookalikeError: ONNX Runtime cannot run it.
        """
        size = self.form.batch or max(1, AT_ONCE // int(np.prod(pictures.shape[1:])))
        parts = [self._run(pictures[start : start + size], size) for start in range(0, len(pictures), size)]
        codes: Floats = np.concatenate(parts)
        spoilt = np.count_nonzero(~np.isfinite(codes).all(axis=1))
        if spoilt:
            raise WeightsError(
                f"the encoder gives codes that are not finite for {spoilt:,} of {len(codes):,} pictures; export it in "
                "float32, or check --mean and --std"
            )
        if self._normalise:
            codes /= np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), np.float32(LEAST_LENGTH))
        return codes

    def _run(self, pictures: Floats, size: int) -> Floats:
        given, count = self._prepared(pictures), len(pictures)
        if self.form.batch is not None and count < size:
            given = np.concatenate([given, np.zeros((size - count, *given.shape[1:]), given.dtype)])
        found = _ran(self._session, self.form.output, {self.form.input: given})
        return self._pooled(found)[:count].astype(np.float32)

    def _prepared(self, pictures: Floats) -> npt.NDArray[Any]:
        """As the graph takes them: scaled, in its layout and dtype."""
        values = pictures + np.float32(0.5)
        if self.form.dtype == np.uint8:
            values = np.rint(values * 255).clip(0, 255)
        else:
            values = (values - self._mean) / self._std
        if self.form.layout == "nchw":
            values = values.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(values, self.form.dtype)

    def _pooled(self, found: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if found.ndim == 4 and self._pool == "mean":
            return np.asarray(found.mean(axis=(2, 3) if self.form.layout == "nchw" else (1, 2), dtype=np.float32))
        if found.ndim == 3 and self._pool:
            return found[:, 0] if self._pool == "cls" else np.asarray(found.mean(axis=1, dtype=np.float32))
        if found.ndim == 2 and not self._pool:
            return found
        if self._pool:
            raise OptionError(f"pool is {self._pool}, but {self.form.output} has shape {found.shape}; give another")
        raise OptionError(
            f"the output {self.form.output} has shape {found.shape}, codes need two axes; pool it with --pool cls (the "
            "first token) or --pool mean, or name another output with --output"
        )


class TextGraph:
    """An encoder of texts whose codes lie among those of pictures, with its tokenizer.

    Args:
        content: of the ONNX file; of its outputs the one of two axes is taken.
        tokenizer: content of a `tokenizer.json`.
        normalise: whether codes are brought to length 1.
    """

    def __init__(self, content: bytes, tokenizer: bytes, normalise: bool) -> None:
        if find_spec("tokenizers") is None:
            raise MissingExtraError("text", "search by words")
        from tokenizers import Tokenizer

        graphs.parsed(content)
        self._session = graphs.session(content)
        self._inputs = {one.name: (IDS[one.type], one.shape) for one in self._known_inputs()}
        self._output = _output_of(self._session, "")
        try:
            self._tokenizer = Tokenizer.from_str(tokenizer.decode())
        except Exception as error:  # a plain Exception is all that tokenizers raises
            raise WeightsError(
                f"the tokenizer cannot be read ({' '.join(str(error).split())}); give a tokenizer.json"
            ) from error
        self._fix_length()
        self._normalise = normalise

    def __call__(self, text: str) -> Floats:
        """The code (K,) float32 of a text.

        Raises:
            OptionError: it is empty, or too long for the encoder.
        """
        if not text.strip() or len(text) > LARGEST_TEXT:
            raise OptionError(f"a text of {len(text):,} characters; give 1 to {LARGEST_TEXT:,}")
        tokens = self._tokenizer.encode(text)
        values = {"mask": tokens.attention_mask, "ids": tokens.ids}
        given = {
            name: np.array([values["mask" if "mask" in name else "ids"]], dtype)
            for name, (dtype, _) in self._inputs.items()
        }
        try:
            found = _ran(self._session, self._output, given)
        except LookalikeError as error:
            raise OptionError(f"the text encoder takes no text of {len(tokens.ids)} tokens ({error})") from error
        if found.ndim != 2 or not np.isfinite(found).all():
            raise WeightsError(f"the text encoder gives no finite code but shape {found.shape}; import another")
        code: Floats = found[0].astype(np.float32)
        if self._normalise:
            code /= max(float(np.linalg.norm(code)), LEAST_LENGTH)
        return code

    def _known_inputs(self) -> Iterator[Any]:
        inputs = self._session.get_inputs()
        masks = [one for one in inputs if "mask" in one.name]
        if len(inputs) - len(masks) != 1 or len(masks) > 1 or any(one.type not in IDS for one in inputs):
            raise OptionError(
                f"the text encoder takes {_names(inputs)}; it needs whole numbers of tokens and, if any, an attention "
                "mask: export that half alone"
            )
        yield from inputs

    def _fix_length(self) -> None:
        """Texts are cut and filled up to the length that the graph fixes; else the tokenizer's own rule holds."""
        lengths = {length for _, shape in self._inputs.values() for length in [_side(shape[-1])] if length}
        if lengths:
            known = self._tokenizer.padding or {}
            kept = {name: known[name] for name in ("pad_id", "pad_token", "pad_type_id") if name in known}
            self._tokenizer.enable_padding(length=min(lengths), **kept)
            self._tokenizer.enable_truncation(min(lengths))


def _ran(held: Any, output: str, given: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    try:
        found: npt.NDArray[Any] = held.run([output], given)[0]
    except Exception as error:  # ONNX Runtime's errors have no base of their own
        raise LookalikeError(f"ONNX Runtime cannot run the graph: {' '.join(str(error).split())[:300]}") from error
    return found
