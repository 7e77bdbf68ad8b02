"""The model of codes that came without one: it knows their size, and encodes nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self

from lookalike import files
from lookalike.errors import OptionError, WeightsError
from lookalike.models import store
from lookalike.models.base import Autoencoder
from lookalike.models.inputs import Pictures, unknown_data
from lookalike.pixels import Floats

NO_MODEL = "these codes came without a model and without pictures; search by --item NAME, or by a code"
LARGEST_CODE = 1 << 16


class GivenCodes(Autoencoder):
    """Stands where a gallery of codes alone has its model.

    Args:
        code_size: numbers a picture, 1 to 65,536.
    """

    kind: ClassVar[str] = "codes"
    has_decoder: ClassVar[bool] = False

    def __init__(self, code_size: int = 0) -> None:
        self.code_size = code_size

    def initialise(self, image_shape: tuple[int, int, int] = (0, 0, 0)) -> Self:
        """Take no pictures; raises OptionError where the code size is out of range."""
        if type(self.code_size) is not int or not 1 <= self.code_size <= LARGEST_CODE:
            raise OptionError(f"code size is {self.code_size}; give 1 to {LARGEST_CODE:,}")
        self.image_shape_ = (0, 0, 0)
        self.history_: list[dict[str, Any]] = []
        self.data_ = unknown_data(self.image_shape_)
        return self

    @property
    def trains_in_epochs(self) -> bool:
        """Never."""
        return False

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of kind and code size."""
        self._check_fitted()
        return hashlib.sha256(json.dumps([self.kind, self.code_size]).encode()).hexdigest()

    def fit(self, X: Pictures, y: None = None) -> NoReturn:
        """Refuse: raises OptionError."""
        raise OptionError(NO_MODEL)

    def encode(self, X: Pictures) -> NoReturn:
        """Refuse: raises OptionError."""
        raise OptionError(NO_MODEL)

    def layer_widths(self) -> dict[str, int]:
        """No layers."""
        return {}

    def save(self, folder: str | Path) -> None:
        """Write `model.json` into a folder."""
        self._check_fitted()
        files.write_json(Path(folder) / store.DESCRIPTION, {"format": store.FORMAT, **self._description(), "files": {}})

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote. Raises RunError or WeightsError where it is not there, or damaged."""
        description = store.read_description(Path(folder))
        store.expect_kind(description, cls.kind)
        try:
            return cls(**description["parameters"]).initialise()
        except (TypeError, OptionError) as error:
            raise WeightsError(f"{folder} describes no codes ({error}); index them again") from error

    def _encode(self, pictures: Floats) -> NoReturn:
        raise OptionError(NO_MODEL)

    def _decode(self, codes: Floats) -> NoReturn:
        raise OptionError(NO_MODEL)

    def _weights(self) -> store.Sides:
        return {}

    def _shapes(self) -> store.Shapes:
        return {}

    def _set_weights(self, sides: store.Sides) -> None:
        """There are none."""
