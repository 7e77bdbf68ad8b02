"""Do directions change their attribute, and it alone? As a fresh network sees it that was trained on pixels.

python benchmarks/attribute_directions.py                                  # exact PCA, code 256, faces of 32 x 32
python benchmarks/attribute_directions.py --world 2                        # faces that no choice was made on
python benchmarks/attribute_directions.py --run runs/conv                  # a run trained on synthetic faces
python benchmarks/attribute_directions.py --run RUN --draw-only --figure docs/edits.png

Ten directions are learned from the codes of the training faces and their true attributes. The judge never sees a
code: one convolutional network learns what lies between eyes and chin from that part of the training faces, another
the rest from whole faces (a single one needs far longer to find a smile of four pixels). Since what it judges has been
drawn by a decoder, each picture is shown to it blended with its own reconstruction by a random share, so that it knows
pictures from sharp to drawn. How far it is to be believed say its R^2 on test faces, sharp and drawn, and what it sees
of faces that are drawn anew with one attribute different. Each test face is then moved by one unit up and down every
direction: the effect is half the judge's mean change, in standard deviations of its readings of the test faces that
are not moved.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import lookalike as la
from lookalike import files, plots
from lookalike.data import synthetic
from lookalike.experiment import pictures_of
from lookalike.models.base import Autoencoder
from lookalike.pixels import centre

NAMES = ("smile", "glasses", "hair_lightness", "beard", "hat", "skin", "turn", "light_x", "mouth_open", "wrinkles")
FINE = ("smile", "glasses", "beard", "mouth_open", "wrinkles")
COARSE = tuple(name for name in NAMES if name not in FINE)
SHOWN = ("smile", "glasses", "hair_lightness", "beard", "hat", "skin")
CHANGES = {"smile": (-0.4, 0.9), "glasses": (0.0, 1.0), "hair_lightness": (0.1, 0.8)}
SHOT_FIELDS = {field.name for field in fields(synthetic.Shot)}
PAIRS = 400
BATCH = 64
Array = npt.NDArray[Any]
Judge = Callable[[Array], Array]


def network(side: int, outputs: int) -> nn.Sequential:
    """3x3 convolutions on pictures of `side`, which they halve until it is at most 8."""
    layers: list[nn.Module] = []
    channels, width = 3, 24
    while True:
        for stride in (1, 2 if side > 8 else 1):
            layers += [nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        if side <= 8:
            break
        side, width = (side + 1) // 2, min(2 * width, 96)
    hidden = nn.Linear(channels * side * side, 128)
    return nn.Sequential(*layers, nn.Flatten(), hidden, nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, outputs))


def train_judge(sharp: Array, drawn: Array, targets: Array, epochs: int) -> Judge:
    """Reads the attributes (N, A) from centred pictures (N, H, W, C), sharp or drawn: each network its own part."""
    at = {name: i for i, name in enumerate(NAMES)}
    parts = []
    for view, names in ((middle, FINE), (whole, COARSE)):
        columns = [at[name] for name in names]
        parts.append((view, columns, train_network(view(sharp), view(drawn), targets[:, columns], epochs)))

    def read(pictures: Array) -> Array:
        readings = np.empty((len(pictures), len(NAMES)), np.float32)
        for view, columns, network in parts:
            readings[:, columns] = network(view(pictures))
        return readings

    return read


def middle(pictures: Array) -> Array:
    """Eyes to chin of procedural faces, at full resolution."""
    side = pictures.shape[1]
    rows, columns = (slice(round(first * side), round(last * side)) for first, last in ((0.44, 0.88), (0.28, 0.72)))
    return np.ascontiguousarray(pictures[:, rows, columns])


def whole(pictures: Array) -> Array:
    """The whole picture, larger ones reduced to 32 pixels by averaging."""
    count, side, _, channels = pictures.shape
    times = max(side // 32, 1)
    reduced: Array = pictures.reshape(count, side // times, times, side // times, times, channels).mean(axis=(2, 4))
    return reduced


def train_network(sharp: Array, drawn: Array, targets: Array, epochs: int, seed: int = 0) -> Judge:
    """A network that reads targets (N, A) from centred pictures (N, H, W, C) of its view."""
    torch.manual_seed(seed)
    judge = network(sharp.shape[1], targets.shape[1]).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    first, second = (torch.from_numpy(pictures).permute(0, 3, 1, 2) for pictures in (sharp, drawn))
    wanted = torch.from_numpy(targets.astype(np.float32))
    steps = len(first) // BATCH
    optimizer = torch.optim.AdamW(judge.parameters(), weight_decay=0.05)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=epochs * steps)
    draws = torch.Generator().manual_seed(seed)
    judge.train()
    for _ in range(epochs):
        order = torch.randperm(len(first), generator=draws)
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            share = torch.rand((BATCH, 1, 1, 1), generator=draws)
            batch = second[chosen] + share * (first[chosen] - second[chosen])
            loss = nn.functional.mse_loss(judge(batch), wanted[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rate.step()
    judge.eval()

    def read(pictures: Array) -> Array:
        with torch.inference_mode():
            inputs = torch.from_numpy(pictures).permute(0, 3, 1, 2)
            readings: Array = torch.cat([judge(inputs[i : i + 500]) for i in range(0, len(inputs), 500)]).numpy()
        return readings

    return read


def effects(model: Autoencoder, pictures: Array, steps: Array, judge: Judge, *, keep_residual: bool) -> Array:
    """Row i: what a unit along direction i does to each reading, in deviations of the readings, one way on average."""
    codes = model.encode(pictures)
    residual = centre(pictures) - model.decode(codes) if keep_residual else np.float32(0)
    spread = judge(clipped(model.decode(codes) + residual)).std(axis=0)

    def moved(step: Array) -> Array:
        return judge(clipped(model.decode(codes + step) + residual))

    return np.stack([(moved(step) - moved(-step)).mean(axis=0) / 2 / spread for step in steps])


def rivals(codes: Array, table: Array) -> dict[str, Array]:
    """Steps of a deviation along other vectors that one might take for the first ten columns of a table (N, A)."""
    centred = (codes - codes.mean(axis=0)).astype(np.float64)
    standard = (table - table.mean(axis=0)) / table.std(axis=0)
    ten = standard[:, : len(NAMES)]
    vectors = {
        "weights of the ridge": np.linalg.solve(
            centred.T @ centred + 1e-4 * np.trace(centred.T @ centred) / centred.shape[1] * np.eye(centred.shape[1]),
            centred.T @ ten,
        ).T,
        "mean change of the code": ten.T @ centred,
        "codes regressed on the table": np.linalg.lstsq(standard, centred, rcond=None)[0][: len(NAMES)],
    }
    return {
        name: rows * ((centred @ rows.T).std(axis=0) / (rows**2).sum(axis=1))[:, None] for name, rows in vectors.items()
    }


def ratios(found: Array) -> Array:
    """How many times the largest other effect the own one is."""
    others = np.abs(found)
    np.fill_diagonal(others, 0)
    share: Array = np.diag(found) / others.max(axis=1)
    return share


def table_of(found: Array, names: Sequence[str] = NAMES) -> str:
    """The effects as Markdown: rows are directions (or changes), columns the judge's readings."""
    lines = ["| along | " + " | ".join(NAMES) + " | own / next |", "|" + "---|" * (len(NAMES) + 2)]
    for i, name in enumerate(names):
        cells = " | ".join(f"**{value:+.2f}**" if j == i else f"{value:+.2f}" for j, value in enumerate(found[i]))
        lines.append(f"| {name} | {cells} | {ratios(found)[i]:.1f} |")
    return "\n".join(lines)


def clipped(pictures: Array) -> Array:
    """Clipped to the range of pictures."""
    within: Array = np.clip(pictures, -0.5, 0.5)
    return within


def explained(readings: Array, truth: Array) -> Array:
    """R^2 of every attribute."""
    share: Array = 1 - ((readings - truth) ** 2).mean(axis=0) / truth.var(axis=0)
    return share


def cross_talk(judge: Judge, spread: Array, size: int) -> Array:
    """Row i: what the judge sees where faces are drawn twice, with nothing but attribute i of `CHANGES` different.

    The faces are of a world of their own. In deviations of the readings, as the effects are.
    """
    draws = np.random.default_rng(0)
    persons = [synthetic.person(1, i) for i in range(PAIRS)]
    shots = [
        synthetic.Shot(turn=turn, smile=smile, light_x=light, mouth_open=max(opened, 0.0))
        for turn, smile, light, opened in zip(
            draws.normal(0, 10, PAIRS),
            draws.uniform(-0.5, 1, PAIRS),
            draws.uniform(-1, 1, PAIRS),
            draws.uniform(-0.5, 0.7, PAIRS),
            strict=True,
        )
    ]
    rows = []
    for name, (low, high) in CHANGES.items():
        readings = []
        for value in (low, high):
            if name in SHOT_FIELDS:
                drawn = synthetic.draw(persons, [replace(shot, **{name: value}) for shot in shots], size)
            else:
                drawn = synthetic.draw([replace(person, **{name: value}) for person in persons], shots, size)
            readings.append(judge(centre(drawn)))
        rows.append((readings[1] - readings[0]).mean(axis=0) / spread)
    return np.stack(rows)


def plain(faces: la.ImageSet) -> Array:
    """Places of sharp, evenly lit faces that look ahead, with nothing on."""
    assert faces.attributes is not None
    known = faces.attributes
    bare = (known[["hat", "glasses", "sunglasses", "bald"]] == 0).all(axis=1) & (known["beard"] < 0.1)
    ahead = (known["turn"].abs() < 6) & (known["tilt"].abs() < 4)
    return np.flatnonzero(bare & ahead & (known["blur"] < 0.4) & (known["light_strength"] < 0.7))


def figure(model: Autoencoder, test: la.ImageSet, directions: dict[str, la.Direction], path: Path) -> None:
    """Test faces, one a row: the way along one direction, the face itself in the middle."""
    from matplotlib.figure import Figure

    amounts = (-2, -1, 0, 1, 2)
    page = Figure(figsize=(6.4, 1.24 * len(SHOWN) + 0.2), layout="constrained")
    cells = page.subplots(len(SHOWN), len(amounts), squeeze=False)
    for row, name, place in zip(cells, SHOWN, plain(test), strict=False):
        edits = la.to_uint8(la.edit(model, test[int(place)], directions[name], amounts))
        for axes, pixels, amount in zip(row, plots.enlarged(edits, 192), amounts, strict=True):
            axes.imshow(pixels)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if name == SHOWN[0]:
                axes.set_title(f"{amount:+d}" if amount else "the picture", fontsize=8, color=plots.INK)
        row[0].set_ylabel(name.replace("_", " "), fontsize=9, color=plots.INK)
    files.write_bytes(path, plots.figure_png(page))


def main() -> None:
    parser = argparse.ArgumentParser(description="Ten attribute directions, judged from pixels.")
    parser.add_argument("--run", type=Path, help="a run trained on synthetic faces; without it, exact PCA is fitted")
    parser.add_argument("--code", type=int, default=256, help="code size of the PCA")
    parser.add_argument("--size", type=int, default=32, help="height and width of the faces, without --run")
    parser.add_argument("--world", type=int, default=0, help="seed of the faces, without --run")
    parser.add_argument("--epochs", type=int, default=12, help="of the judge")
    parser.add_argument("--whole-table", action="store_true", help="hold all attributes of the table, not the ten")
    parser.add_argument("--compare", action="store_true", help="judge other vectors one might take as well")
    parser.add_argument("--draw-only", action="store_true", help="write the figure, and train no judge")
    parser.add_argument("--figure", type=Path, help="a PNG of edited test faces to write")
    arguments = parser.parse_args()
    if arguments.run:
        model = la.load_model(arguments.run)
        train, test = pictures_of(model)
    else:
        train, test = synthetic.synthetic_faces(size=arguments.size, seed=arguments.world).split()
        model = la.PCAAutoencoder(arguments.code).fit(train)
    print(f"{model.kind}, code {model.code_size}, faces of {model.image_shape_}, test MSE {-model.score(test):.5f}\n")
    assert train.attributes is not None
    assert test.attributes is not None
    table = train.attributes if arguments.whole_table else train.attributes[list(NAMES)]
    directions = {one.name: one for one in la.attribute_directions(model.encode(train), table, people=train.people)}
    if arguments.figure:
        figure(model, test, directions, arguments.figure)
    if arguments.draw_only:
        return

    known = train.attributes[list(NAMES)].to_numpy()
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    truth = (test.attributes[list(NAMES)].to_numpy() - mean) / deviation
    started = time.perf_counter()
    drawn = clipped(model.reconstruct(train))
    judge = train_judge(centre(train.pixels), drawn, (known - mean) / deviation, arguments.epochs)
    seconds = time.perf_counter() - started
    steps = np.stack([directions[name].step for name in NAMES])
    sharp, redrawn = (explained(judge(p), truth) for p in (centre(test.pixels), clipped(model.reconstruct(test))))
    print("| attribute | told from codes | judge's R^2: test faces | as drawn |\n|---|---|---|---|")
    for i, name in enumerate(NAMES):
        told = directions[name].score
        assert told is not None
        print(f"| {name} | {told.measure} {told.value:.2f} | {sharp[i]:.2f} | {redrawn[i]:.2f} |")
    talk = cross_talk(judge, judge(centre(test.pixels)).std(axis=0), test.image_shape[0])
    print(f"\nFaces drawn twice, with that alone different:\n\n{table_of(talk, list(CHANGES))}")
    for keep_residual, title in ((True, "Edits of the pictures"), (False, "Drawn from the moved codes alone")):
        print(f"\n{title}:\n\n{table_of(effects(model, test.pixels, steps, judge, keep_residual=keep_residual))}")
    if arguments.compare:
        ordered = train.attributes[[*NAMES, *(name for name in train.attributes if name not in NAMES)]].to_numpy()
        ways = {"these directions": steps, **rivals(model.encode(train), ordered)}
        print("\n| own / next along | " + " | ".join(NAMES) + " |\n" + "|" + "---|" * (len(NAMES) + 1))
        for way, moves in ways.items():
            told_apart = ratios(effects(model, test.pixels, moves, judge, keep_residual=True))
            print(f"| {way} | " + " | ".join(f"{ratio:.1f}" for ratio in told_apart) + " |")
    print(f"\nThe judge took {seconds:.0f} s.")


if __name__ == "__main__":
    main()
