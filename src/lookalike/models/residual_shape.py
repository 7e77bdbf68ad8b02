"""What the residual autoencoder's PyTorch module and its ONNX graphs have in common, without PyTorch."""

from __future__ import annotations

ENCODER_STRIDE, DECODER_STRIDE = 16, 8
"""Places of the finest grid for one cell of the coarsest grid."""
FOLDS = ((96, 4), (48, 2))
"""From which shorter side on how many pixels along each axis make one place of the finest grid, the largest first."""

STRONGER = 4.0
"""By how much what principal components leave of a picture is multiplied to be about as strong as pictures are."""


def fold_of(given: int, image_shape: tuple[int, int, int]) -> int:
    """The side of the squares of pixels that are places of the finest grid: as given, or of 0 what suits (H, W, C).

    So the grids of large pictures are about as large as those of pictures of 32 x 32, for which the network was found,
    and cost what those do (docs/models.md).
    """
    shorter = min(image_shape[:2])
    return given or next((fold for side, fold in FOLDS if shorter >= side), 1)


def is_guided(asked: bool, fold: int) -> bool:
    """Whether both corrections see what principal components draw: where it is asked for, and places are squares."""
    return asked and fold > 1
