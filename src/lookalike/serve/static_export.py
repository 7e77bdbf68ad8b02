"""The studio as one folder for any static host: the page, the models, and a gallery as plain files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike import files
from lookalike.data.columns import Value
from lookalike.errors import GalleryError, OptionError, UserError
from lookalike.gallery import Gallery, Threshold
from lookalike.interop.onnx_export import export_onnx
from lookalike.interop.onnx_runtime import DECODER, ENCODER, SHARP
from lookalike.models.base import Autoencoder
from lookalike.models.loading import load_model
from lookalike.run_files import METRICS
from lookalike.studio.descriptions import (
    column_facts,
    denoiser_facts,
    denoiser_name,
    gallery_facts,
    item_row,
    plain_value,
    space_facts,
)
from lookalike.studio.maps import Atlas, layout
from lookalike.studio.preparing import directions, tsne_points
from lookalike.studio.runs import FollowedRun

if TYPE_CHECKING:
    from lookalike.gallery.snapshot import Snapshot

PAGE = Path(__file__).parent / "page"
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
PICTURES = 2000
"""Of the run's own pictures, where no gallery is named: what a phone still loads and searches at once."""
PARTS = ("index.html", "static", "data")
"""What an export puts into its folder."""
MODE = '<meta name="lookalike-mode" content="{}">'


def export_page(
    run: str | Path,
    out: str | Path,
    *,
    gallery: str | Path | None = None,
    denoiser: str | Path | None = None,
    pictures: int = PICTURES,
    seed: int = 0,
) -> dict[str, Any]:
    """Write the whole studio into a folder that works from any static host, without a server of ours.

    Args:
        run: the folder of a run, whose model goes with the page.
        out: the folder that takes the files; those of an earlier export are replaced, `index.html` last.
        gallery: the folder of a gallery of that model, which is exported whole; None makes one of up to `pictures` of
            the run's training.
        denoiser: the folder of a run that removes noise: a U-Net, or a model of pictures of the same shape; None leaves
            Clean out.
        pictures: see `gallery`; 2 or more.
        seed: of thresholds and the map.

    Returns:
        files, images, bytes (in all), and max_abs_difference between the exported models and ours.

    Raises:
        OptionError: `pictures` is below 2, or the denoiser takes pictures of another shape.
        GalleryError: the gallery is of another model, or empty.
        RunError: there is no run, or its pictures are gone.
        UserError: this installation lacks the runtime that browsers need.
        MissingExtraError: the extra 'onnx' is not installed.
    """
    if pictures < 2:
        raise OptionError(f"pictures is {pictures}; give 2 or more")
    model = load_model(run)
    model.require_decoder()
    _check_runtime()
    folder, data = Path(out), Path(out) / "data"
    onnx: dict[str, Any] = {"encoder": f"data/models/{ENCODER}", "decoder": f"data/models/{DECODER}"}
    with _gallery(model, gallery, pictures, seed) as held:  # refused before anything is written, where it does not fit
        onnx["denoiser"], differs = _export_denoiser(denoiser, model, data / "models", seed)
        exported = export_onnx(model, data / "models", seed=seed)
        onnx["sharp"] = None if model.own_sharp is None else f"data/models/{SHARP}"
        images = _write_gallery(held, data, onnx, Path(run), seed)
    _write_page(folder)
    written = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return {
        "out": str(folder),
        "files": written,
        "images": images,
        "bytes": sum((folder / name).stat().st_size for name in written),
        "max_abs_difference": max(differs, exported["max_abs_difference"]),
    }


def _check_runtime() -> None:
    missing = [name for name in RUNTIME if not (PAGE / "vendor" / name).is_file()]
    if missing:
        raise UserError(
            f"this installation lacks {missing[0]}, which runs models in browsers; from a checkout, fetch it with: "
            "python tools/fetch_page_runtime.py"
        )


@contextmanager
def _gallery(model: Autoencoder, folder: str | Path | None, pictures: int, seed: int) -> Iterator[Gallery]:
    """The named gallery, or one of the run's own pictures that lasts as long as it is needed."""
    if folder is not None:
        with Gallery.open(folder, model=model, create=False) as held:
            yield held
        return
    from lookalike.experiment import pictures_of

    train = pictures_of(model)[0]
    some = train[: min(pictures, len(train))]
    with tempfile.TemporaryDirectory(prefix="lookalike-page-") as made, Gallery.open(made, model=model) as held:
        held.update(some, seed=seed)
        yield held


def _export_denoiser(
    run: str | Path | None, model: Autoencoder, folder: Path, seed: int
) -> tuple[dict[str, Any] | None, float]:
    """Write the denoiser's graphs; what the page must know of it, and by how much the exported one differs."""
    if run is None:
        return None, 0.0
    denoiser = load_model(run)
    if getattr(denoiser, "reach", None) is None and denoiser.image_shape_ != model.image_shape_:
        raise OptionError(
            f"the denoiser takes pictures of shape {denoiser.image_shape_}, the run's model of {model.image_shape_}; "
            "without a server both must be the same, or the denoiser trained with --model unet"
        )
    with tempfile.TemporaryDirectory() as made:
        exported = export_onnx(denoiser, made, seed=seed)
        names = [Path(path).name for path in exported["files"]]
        for name in names:
            files.write_bytes(folder / denoiser_name(name), (Path(made) / name).read_bytes())
    facts = denoiser_facts(denoiser, [f"data/models/{denoiser_name(name)}" for name in names])
    return facts, exported["max_abs_difference"]


def _write_gallery(held: Gallery, data: Path, onnx: dict[str, Any], run: Path, seed: int) -> int:
    """Everything that the page asks a server for, as files; returns how many pictures there are."""
    snapshot = held.snapshot()
    view, metric = snapshot.view, snapshot.index.metric
    ids = [int(id) for id in view.ids]
    files.write_bytes(data / "codes.f32", view.codes.astype("<f4").tobytes())
    files.write_bytes(data / "points.f32", metric.transform(view.codes).astype("<f4").tobytes())
    _write(data / "items.json", _items(snapshot))
    _write(data / "directions.json", {"directions": directions(held, snapshot, seed)})
    atlas = Atlas.for_pictures(len(ids), tuple(view.all_pixels.shape[1:]))
    _write(data / "atlas.json", atlas.as_json(ids))
    for number in range(atlas.sheets):
        places = slice(number * atlas.per_sheet, (number + 1) * atlas.per_sheet)
        files.write_bytes(data / f"atlas-{number}.jpg", atlas.sheet(view.all_pixels[view.rows[places]]))
    maps = {
        "pca": layout(view.codes, "pca").astype(np.float64).round(4).tolist(),
        "tsne": tsne_points(snapshot, seed),
    }
    for method, points in maps.items():
        _write(data / f"map-{method}.json", {"method": method, "ready": True, "points": points, "ids": ids})
    threshold = held.duplicate_threshold(seed=seed).distance
    _write(
        data / "gallery.json",
        {
            **gallery_facts(snapshot, _match_threshold(held, seed)),
            "draws": held.model.has_decoder,
            "sharp": onnx["sharp"] is not None,
            "words": False,
            "denoiser": onnx["denoiser"] is not None,
            "onnx": onnx,
            "preparing": [],
            "duplicate_threshold": threshold,
            "framing": {"crop": held.framing.crop, "fit": held.framing.fit},
            "space": space_facts(metric),
            "runs": _write_run(run, data),
        },
    )
    return len(ids)


def _match_threshold(held: Gallery, seed: int) -> Threshold | None:
    """Up to where pictures match; None where the gallery's pictures do not tell, such as a single one."""
    try:
        return held.threshold(seed=seed)
    except GalleryError:
        return None


def _items(snapshot: Snapshot) -> dict[str, Any]:
    columns = [one.column.name for one in snapshot.catalog.listed if not one.in_row]
    known = snapshot.catalog.values_of(snapshot.view.ids.tolist())
    rows = []
    for place, id in enumerate(snapshot.view.ids):
        values = known.get(int(id), {})
        rows.append({**item_row(snapshot, place), "values": [_short(values.get(name)) for name in columns]})
    return {"columns": column_facts(snapshot.catalog.listed), "items": rows}


def _short(value: Value) -> Value:
    """Numbers of seven digits, all that float32 holds, and whole ones as they are; None where there is no value."""
    plain = plain_value(value)
    return float(f"{plain:.7g}") if isinstance(plain, float) and not plain.is_integer() else plain


def _write_run(run: Path, data: Path) -> list[dict[str, Any]]:
    """The run's curve and reconstructions, where it has epochs; the list of runs for the page."""
    if not (run / METRICS).is_file():
        return []
    followed = FollowedRun(run)
    facts = {"n": 0, **followed.facts(), "running": False}
    _write(data / "run.json", {**facts, "history": followed.history()})
    files.write_bytes(data / "reconstructions.png", followed.reconstructions())
    return [facts]


def _write_page(folder: Path) -> None:
    for path in sorted(PAGE.rglob("*")):
        name = path.relative_to(PAGE)
        if path.is_file() and name.name != "index.html" and not any(part.startswith(".") for part in name.parts):
            files.write_bytes(folder / "static" / name, path.read_bytes())
    page = (PAGE / "index.html").read_text()
    files.write_text(folder / "index.html", page.replace(MODE.format("server"), MODE.format("static")))


def _write(path: Path, value: Any) -> None:
    """JSON without spaces, atomically: pages are loaded over slow lines too."""
    files.write_text(path, json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def _plain(value: Any) -> Any:
    """JSON values of what numpy left in them."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value
