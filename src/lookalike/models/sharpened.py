"""What a model has of a second decoder, which lies beside it in its folder and is read when it is first asked for."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.errors import OptionError
from lookalike.pixels import Floats

if TYPE_CHECKING:
    from lookalike.models.sharp import SharpDecoder

MAKE_IT = "lookalike sharpen RUN"
NO_SHARP = f"this model has no sharp decoder; train one with: {MAKE_IT}"
OF_ANOTHER = f"the sharp decoder beside this model was made for another one; train it anew with: {MAKE_IT}"


def checked_share(sharp: float) -> float:
    """How far from a plain picture to a sharp one, 0 to 1: True is all the way.

    Raises:
        OptionError: it is out of range.
    """
    try:
        share = float(sharp)
    except (TypeError, ValueError):
        raise OptionError(f"sharpness is {sharp!r}; give True, or a number from 0 to 1") from None
    if not 0 <= share <= 1:  # NaN fails as well
        raise OptionError(f"sharpness is {share:g}; give 0 (the model's own picture) to 1 (the sharp decoder's)")
    return share


def partly(plain: Floats, sharp: Floats, share: float) -> Floats:
    """What lies between two drawings of the same codes, float32 (n, H, W, C): perception for distortion, by choice."""
    return sharp if share == 1 else plain + np.float32(share) * (sharp - plain)


class Sharpened:
    """A model that may have a second decoder for its codes.

    Attributes:
        saved_in: the folder that the model was read from; None for one that was made here.
    """

    saved_in: Path | None = None
    _sharp: SharpDecoder | None = None

    @abstractmethod
    def require_code(self) -> None:
        """Refuse a model without codes."""

    @abstractmethod
    def require_decoder(self) -> None:
        """Refuse one that makes no pictures of them."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """Of the model."""

    @abstractmethod
    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Its parameters by name."""

    @abstractmethod
    def _decode(self, codes: Floats) -> Floats:
        """Decode a batch (n, code_size) into (n, H, W, C)."""

    @property
    def sharp_(self) -> SharpDecoder | None:
        """What draws detail that is plausible and invented; None until `lookalike.sharpen` has made it.

        Raises:
            WeightsError: its files are damaged.
        """
        if self._sharp is None and self.saved_in is not None:
            from lookalike.models.sharp import SharpDecoder

            self._sharp = SharpDecoder.load(self.saved_in, self.get_params().get("device", "auto"))
        return self._sharp

    @sharp_.setter
    def sharp_(self, decoder: SharpDecoder | None) -> None:
        self._sharp = decoder

    @property
    def own_sharp(self) -> SharpDecoder | None:
        """`sharp_` where it was made for this very model, and not for what it was before it learned anew."""
        found = self.sharp_
        return None if found is None or found.model != self.digest else found

    def require_sharp(self) -> SharpDecoder:
        """The sharp decoder of this very model.

        Raises:
            OptionError: there is none, or it was made for the model as it was before it learned anew; or the model has
                no code that one could draw.
            WeightsError: its files are damaged.
        """
        self.require_code()
        self.require_decoder()
        found = self.own_sharp
        if found is None:
            raise OptionError(NO_SHARP if self.sharp_ is None else OF_ANOTHER)
        return found

    def _save_sharp(self, folder: Path) -> None:
        """Beside the model that was saved there, so that whoever copies the one has the other."""
        if self.own_sharp is not None:
            self.own_sharp.save(folder)
