"""Any encoder of pictures in ONNX becomes a model: what its graph says is believed once it has been tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lookalike.data.options import LARGEST_SIDE
from lookalike.errors import OptionError
from lookalike.files import read_stored
from lookalike.models.onnx_encoder import ENCODER, LARGEST_FILE, TEXT, TOKENIZER, OnnxEncoder
from lookalike.models.onnx_trial import tried

LARGEST_TOKENIZER = 64 * 2**20
"""Bytes; those of models of many languages have some 17 MB."""


def import_onnx(
    encoder: str | Path,
    *,
    size: int | None = None,
    text: str | Path | None = None,
    tokenizer: str | Path | None = None,
    **parameters: Any,
) -> OnnxEncoder:
    """Make a model of an encoder; the files' contents go with it.

    Args:
        encoder: an ONNX file with one input, pictures (N, C, H, W) or (N, H, W, C), float32, float16 or uint8, and an
            output of codes (N, K), or one that `pool` makes such.
        size: height and width of the pictures, where the graph takes any.
        text: an ONNX file whose texts' codes lie among those of the pictures.
        tokenizer: its `tokenizer.json`.
        parameters: of `OnnxEncoder`, which says what they are: `mean`, `std`, `layout`, `output`, `pool`, `normalise`.

    Raises:
        OptionError: the graph is no such encoder, does not say enough, or needs more memory or time than it may.
        MissingExtraError: onnx and onnxruntime, or tokenizers, are not installed.
    """
    if size is not None and not 1 <= size <= LARGEST_SIDE:
        raise OptionError(f"input size is {size}; give 1 to {LARGEST_SIDE:,} pixels")
    if (text is None) != (tokenizer is None):
        raise OptionError("an encoder of texts needs its tokenizer; give both --text and --tokenizer")
    model = OnnxEncoder(1, **parameters)
    model.check()
    parts = {"encoder": _content(Path(encoder), LARGEST_FILE)}
    if text is not None and tokenizer is not None:
        parts["text"] = _content(Path(text), LARGEST_FILE)
        parts["tokenizer"] = _content(Path(tokenizer), LARGEST_TOKENIZER)
    wanted = {"size": size, **{name: value for name, value in model.get_params().items() if name != "code_size"}}
    found = tried(parts, wanted)
    if found["text_size"] not in (None, found["code_size"]):
        raise OptionError(
            f"the text encoder gives {found['text_size']} numbers, that of pictures {found['code_size']}; give two of "
            "one model"
        )
    height, width, channels = found["image_shape"]
    names = {"encoder": ENCODER, "text": TEXT, "tokenizer": TOKENIZER}
    held = {names[part]: content for part, content in parts.items()}
    model.code_size = found["code_size"]
    return model.take(held, (height, width, channels))


def _content(path: Path, most: int) -> bytes:
    try:
        return read_stored(path, most)
    except ValueError as error:
        raise OptionError(f"{path} is not taken: {error}") from error
    except OSError as error:
        raise OptionError(f"{path} cannot be read ({error.strerror or error}); give a file of ONNX") from error
