"""Groups of look-alikes in a gallery, found without parameters, each with its medoid and with what sets it apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.errors import OptionError
from lookalike.gallery.gallery import Gallery
from lookalike.pixels import Floats
from lookalike.review.apart import Apart, Columns
from lookalike.review.clusters import SMALLEST, Ids, clusters

if TYPE_CHECKING:
    import pandas as pd

_EXACT_MEDOID = 2000
"""Members of a group that are all compared; in larger ones, the member nearest to the mean stands for it."""


@dataclass(frozen=True)
class Group:
    """Pictures that look alike.

    Attributes:
        medoid: the member that is nearest to all members.
        members: names, the nearest to the medoid first, which is the first itself.
        apart: what sets it apart from all other pictures.
    """

    medoid: str
    members: list[str]
    apart: list[Apart]

    @property
    def size(self) -> int:
        """How many members it has."""
        return len(self.members)


@dataclass(frozen=True)
class Groups:
    """The groups of a gallery, the largest first.

    Attributes:
        groups: no picture is in two of them.
        images: how many pictures the gallery holds, those in no group among them.
    """

    groups: list[Group]
    images: int

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "groups": [
                {
                    "medoid": one.medoid,
                    "members": one.members,
                    "size": one.size,
                    "apart": [apart._asdict() for apart in one.apart],
                }
                for one in self.groups
            ],
            "images": self.images,
        }

    def frame(self) -> pd.DataFrame:
        """A row for each picture in a group: name, group (0 for the largest), medoid."""
        import pandas as pd

        rows = [(name, number, one.medoid) for number, one in enumerate(self.groups) for name in one.members]
        return pd.DataFrame(rows, columns=["name", "group", "medoid"])


def groups(gallery: Gallery, *, smallest: int = SMALLEST) -> Groups:
    """The groups of look-alikes in a gallery.

    Clusters of codes in the gallery's metric, whitened unless it was made otherwise, by HDBSCAN over each code's
    nearest neighbours, which the index finds: a picture that lies between groups, or far from all, is in none. Nothing
    is drawn at random.

    A group's attributes, camera, day or place are named where they differ more than in a group drawn blindly: at 5% in
    all groups and columns together.

    Args:
        gallery: whose pictures are grouped.
        smallest: pictures of a group at least, 2 or more.

    Raises:
        OptionError: `smallest` is below 2.
        GalleryError: the gallery holds no picture.
    """
    if smallest < 2:
        raise OptionError(f"smallest is {smallest} of a group; give 2 pictures or more")
    snapshot = gallery.snapshot()
    view, index = snapshot.view, snapshot.index
    points = index.metric.transform(view.codes)

    def nearest(start: int, stop: int, k: int) -> Ids:
        return view.places_or_none(index.query(view.codes[start:stop], k).ids)

    labels = clusters(points, nearest, smallest)
    count = int(labels.max(initial=-1)) + 1
    columns = Columns(_known(gallery, list(view.names)), points, count) if count else None
    found = []
    for label in range(count):
        places = np.flatnonzero(labels == label)
        ordered = places[_from_medoid(points[places])]
        names = [view.names[place] for place in ordered.tolist()]
        found.append(Group(names[0], names, [] if columns is None else columns.apart(places)))
    return Groups(sorted(found, key=lambda one: (-one.size, one.medoid)), len(view.ids))


def _known(gallery: Gallery, names: list[str]) -> pd.DataFrame | None:
    """What is known of these pictures, who is on them included."""
    table = gallery.attributes
    people = dict(zip(gallery.names, gallery.people, strict=True))
    if table is not None:
        table = table.reindex(names)
    if not any(people.values()):
        return table
    import pandas as pd

    table = pd.DataFrame(index=names) if table is None else table
    return table.assign(person=pd.Series([people.get(name) for name in names], index=names, dtype=object))


def _from_medoid(points: Floats) -> Ids:
    """The order of points (n, K) by their distance from the medoid, which comes first."""
    if len(points) <= _EXACT_MEDOID:
        lengths = np.square(points).sum(axis=1, dtype=np.float64)
        squared = np.maximum(lengths[:, None] + lengths - 2 * (points @ points.T).astype(np.float64), 0)
        medoid = int(np.sqrt(squared).sum(axis=1).argmin())
    else:
        medoid = int(np.square(points - points.mean(axis=0)).sum(axis=1).argmin())
    far = np.square(points - points[medoid]).sum(axis=1)
    far[medoid] = -1
    return np.argsort(far, kind="stable").astype(np.int64)
