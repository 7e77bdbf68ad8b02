"""Which pictures of a gallery are bad: each judged once by its file, in its own pixels, and remembered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lookalike import files
from lookalike.data.decode import decode_picture
from lookalike.data.images import Pixels
from lookalike.data.pipeline import Progress
from lookalike.errors import Interrupted, OptionError
from lookalike.gallery.folder import only_writer
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.schema import VERSION
from lookalike.gallery.scores import Held, Scored, held, keep, known_contents, scores_by_name, settle
from lookalike.review.checks import BAD, CHECKS, RULES, odd_sizes, scores_of
from lookalike.review.looks import look_at
from lookalike.review.rereading import read_again
from lookalike.training.interruption import StopRequest

if TYPE_CHECKING:
    import pandas as pd

AT_ONCE = 32
"""Pictures whose scores are written in one transaction."""


@dataclass(frozen=True)
class Screening:
    """The scores of a gallery's pictures.

    Attributes:
        names: of all pictures, sorted.
        scores: by the names of the checks, float32 (N,) from 0, fine, to 1, bad; NaN where a picture has no score.
        computed: pictures, equal files counted once, that were judged in this call; the others were known.
        unread: pictures without scores: they cannot be read again, or their files have changed since the last update.
    """

    names: list[str]
    scores: dict[str, npt.NDArray[np.float32]] = field(repr=False)
    computed: int
    unread: list[str]

    def frame(self) -> pd.DataFrame:
        """One row for each picture by its name, one column for each check."""
        import pandas as pd

        return pd.DataFrame(self.scores, index=self.names)

    def bad(self, check: str) -> list[str]:
        """The names of the pictures that are bad in this way, the worst first.

        Raises:
            OptionError: there is no such check.
        """
        if check not in CHECKS:
            raise OptionError(f"check is {check!r}; give one of {', '.join(CHECKS)}")
        scores = self.scores[check]
        order = np.argsort(-scores, kind="stable")  # NaN comes last
        return [self.names[place] for place in order.tolist() if scores[place] >= BAD]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values: `quality` holds the scores of each picture that has such, by its name."""
        columns = [(name, values.tolist()) for name, values in self.scores.items()]
        known = np.flatnonzero(~np.isnan(self.scores["blur"])).tolist()
        return {
            "quality": {self.names[place]: {name: values[place] for name, values in columns} for place in known},
            "bad": {name: self.bad(name) for name in CHECKS},
            "threshold": BAD,
            "computed": self.computed,
            "unread": self.unread,
        }


def screen(gallery: Gallery, *, progress: Progress | None = None) -> Screening:
    """Judge the pictures of a gallery that were not judged before, and tell the scores of all.

    Each is read again from the gallery's source, on all cores, in its own pixels. Scores are columns of the gallery
    from then on, so that filters such as "blur > 0.5" know them, and are kept by the files' contents: what is renamed
    or copied is not judged again. A call that was cut off has kept what it wrote, and the next one goes on. A face
    found in a photo has the scores of its photo.

    Args:
        gallery: whose pictures are judged.
        progress: called with (pictures done, pictures to be done).

    Raises:
        GalleryError: the gallery holds no picture, cannot be written to, or is of an older form while another process
            updates it.
        Interrupted: Ctrl-C or SIGTERM; what was judged is kept.
    """
    catalog = gallery.snapshot().catalog
    if catalog.version != VERSION:
        with only_writer(gallery.folder):
            catalog.upgrade()
    pictures, known = held(catalog), known_contents(catalog, RULES)
    wanted = [one for one in pictures if one.content not in known]
    total = len({one.content for one in wanted})
    computed = 0
    with StopRequest() as stop:
        judged = _judged(gallery, wanted)
        while batch := list(islice(judged, AT_ONCE)):
            keep(catalog, RULES, batch)
            computed += len(batch)
            if progress is not None:
                progress(computed, total)
            if stop.requested:
                raise Interrupted(
                    f"the screening stopped after {computed:,} of {total:,} pictures; call it again to go on"
                )
    settle(catalog, RULES, odd_sizes, computed > 0)
    names, scores = scores_by_name(catalog)
    unread = [name for name, score in zip(names, scores["blur"].tolist(), strict=True) if score != score]
    return Screening(names, scores, computed, unread)


def _judged(gallery: Gallery, wanted: list[Held]) -> Iterator[Scored]:
    """The scores of each content once, as far as one of its files can be read."""
    spec = gallery.source
    if spec is None:
        return
    files_of: dict[str, dict[str, Held]] = {}
    for one in wanted:
        files_of.setdefault(one.content, {})[one.file] = one
    while tried := dict(of.popitem() for of in files_of.values() if of):
        for file, (content, scored) in read_again(spec, tried, _of_file, partial(_of_pixels, "")):
            if not tried[file].is_file or content == tried[file].content:
                yield scored._replace(content=tried[file].content)
                files_of[tried[file].content].clear()


def _of_file(content: bytes) -> tuple[str, Scored]:
    return _of_pixels(files.sha256(content), decode_picture(content, None))


def _of_pixels(content: str, picture: Pixels) -> tuple[str, Scored]:
    look = look_at(picture)
    return content, Scored(content, look.height, look.width, scores_of(look))
