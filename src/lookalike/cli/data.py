"""lookalike data"""

from __future__ import annotations

import time

from lookalike.cli.common import Data, Json, Reading, Seed, answer, load_data, reads_data, set_aside


@reads_data()
def data(
    data: Data,
    reading: Reading = Reading(),
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Read pictures, keep them in the cache, and say what is there.

    Nothing here is random; the seed is taken for uniformity.
    """
    from lookalike.data.names import told  # so that the seconds are those of the reading alone

    started = time.perf_counter()
    faces = load_data(data, reading.options())
    seconds = time.perf_counter() - started
    height, width, channels = faces.image_shape
    people = faces.number_of_people
    payload = {
        "images": len(faces),
        "height": height,
        "width": width,
        "channels": channels,
        "people": people,
        "attributes": len(faces.attribute_names),
        "layout": None if faces.spec is None else faces.spec.layout,
        "skipped": faces.skipped,
        "unseen": faces.unseen,
        "rejected": [rejected._asdict() for rejected in faces.rejected],
        **({} if faces.faces is None else {"faceless": faces.faceless}),
        "seconds": seconds,
        "cached": faces.cached,
    }
    lines = [
        f"{len(faces):,} pictures of {height} x {width} x {channels}",
        f"{people:,} people" if people is not None else "people unknown",
        f"{len(faces.attribute_names)} attributes",
        *([] if faces.spec is None or faces.spec.layout == "auto" else [f"layout {faces.spec.layout}"]),
        f"read in {seconds:.2f} s{' from the cache' if faces.cached else ''}",
    ]
    if faces.rejected:
        lines += [f"{len(faces.rejected):,} set aside:", *set_aside(faces.rejected)]
    if faces.skipped:
        lines.append(f"{sum(faces.skipped.values()):,} other files not looked at: {told(faces.skipped)}")
    answer(payload, lines, json)
