"""`morph`, `directions` and `edit` as a user calls them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike import plots
from lookalike.editing import load_directions
from lookalike.models.loading import open_model

DATA = "synthetic:120"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    train, _ = la.load(DATA, size=16).split()
    la.PCAAutoencoder(8).fit(train, run=tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    faces = la.load("synthetic:16", size=40)
    paths = [tmp_path / "faces" / f"{i:02d}.png" for i in range(len(faces))]
    paths[0].parent.mkdir()
    for path, pixels in zip(paths, faces, strict=True):
        Image.fromarray(pixels).save(path)
    return paths


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def prepared(folder: Path) -> la.ImageSet:
    """The pictures as the run's were, by way of `load`."""
    return la.load(folder, size=16, fit="stretch", cache=False)


def test_morph(call, run: Path, pictures: list[Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "morph.png"
    command = ["morph", run, pictures[0], pictures[1], "--force", "--out", out]
    assert call(*command, "--json").json == {"steps": 7, "sharpness": 0.0, "out": str(out)}
    model, faces = open_model(run), prepared(pictures[0].parent)
    drawn = la.to_uint8(la.morph(model, faces[0], faces[1], 7))
    expected = plots.strip([faces.pixels[:1], drawn, faces.pixels[1:2]])
    np.testing.assert_array_equal(pixels_of(out), expected)
    assert expected.shape == (128, 9 * 128 + 2 * 8, 3)
    gif = tmp_path / "morph.gif"
    told = call(*command[:-1], gif, "--steps", 4, "--kind", "spherical", "--json").json
    assert told == {"steps": 4, "sharpness": 0.0, "out": str(gif)}
    with Image.open(gif) as image:
        assert image.n_frames == 6
    assert call(*command) == (0, f"wrote {out}\n", "")


def test_directions_of_the_runs_own_pictures(call, run: Path) -> None:  # type: ignore[no-untyped-def]
    told = call("directions", run, "--attribute", "skin", "--attribute", "glasses", "--count", 2, "--json").json
    assert told["run"] == str(run)
    assert [one["name"] for one in told["directions"]] == ["principal-1", "principal-2", "skin", "glasses"]
    assert [one["kind"] for one in told["directions"]] == ["principal"] * 2 + ["attribute"] * 2
    assert [one["measure"] for one in told["directions"]] == [None, None, "correlation", "AUC"]
    skin = told["directions"][2]
    assert skin["meaningful"] is True
    assert skin["value"] > skin["chance"] + 3 * skin["error"]
    train, _ = la.load(DATA, size=16).split()
    model = open_model(run)
    expected = la.attribute_directions(model.encode(train), train.attributes[["skin", "glasses"]], people=train.people)
    found = load_directions(model, run)
    np.testing.assert_array_equal(found["skin"].vector, expected[0].vector)
    code, text, _ = call("directions", run)
    assert code == 0
    assert len(text.splitlines()) == 8 + len(train.attribute_names)  # 8 codes have 8 directions
    assert "means nothing" in text


def test_directions_of_other_pictures(call, run: Path, pictures: list[Path]) -> None:  # type: ignore[no-untyped-def]
    told = call("directions", run, pictures[0].parent, "--count", 1, "--json").json
    (first,) = la.principal_directions(open_model(run).encode(prepared(pictures[0].parent)), 1)
    assert told["directions"] == [first.as_json()]


def test_these_minus_those_and_edit(call, run: Path, pictures: list[Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert call("directions", run, "--count", 1, "--attribute", "skin").code == 0
    those = [item for path in pictures[8:] for item in ("--those", path)]
    folder = tmp_path / "these"
    folder.mkdir()
    for path in pictures[:8]:
        path.rename(folder / path.name)
    told = call("directions", run, "--these", folder, *those, "--name", "ours", "--json").json
    assert [one["name"] for one in told["directions"]] == ["ours"]
    model = open_model(run)
    these, those_faces = prepared(folder), prepared(pictures[8].parent)
    expected = model.encode(these).mean(axis=0, dtype=float) - model.encode(those_faces).mean(axis=0, dtype=float)
    held = load_directions(model, run)
    assert list(held) == ["principal-1", "skin", "ours"]
    np.testing.assert_allclose(held["ours"].step, expected, atol=1e-6)

    out = tmp_path / "edit.png"
    command = ["edit", run, pictures[8], "--force", "--out", out]
    told = call(*command, "--along", "ours", "--amount", 1, "--amount", "-0.5", "--json").json
    expected = {"along": ["ours"], "amounts": [[1.0], [-0.5]], "doubtful": told["doubtful"], "sharpness": 0.0}
    assert told == {**expected, "out": str(out)}
    drawn = la.to_uint8(la.edit(model, those_faces[0], held["ours"], [1, -0.5]))
    np.testing.assert_array_equal(pixels_of(out), plots.strip([those_faces.pixels[:1], drawn]))
    told = call(
        *command, "--along", "ours", "--along", "skin", "--amount", 1, "--amount", 2, "--no-residual", "--json"
    ).json
    assert told["amounts"] == [[1.0, 2.0]]
    both = la.edit(model, those_faces[0], [held["ours"], held["skin"]], [[1, 2]], keep_residual=False)
    np.testing.assert_array_equal(pixels_of(out), plots.strip([those_faces.pixels[:1], la.to_uint8(both)]))
    assert call(*command, "--along", "principal-1", "--json").json["amounts"] == [[-2.0], [-1.0], [0.0], [1.0], [2.0]]


def test_a_direction_that_means_nothing_is_said_to(call, run: Path, pictures: list[Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    call(
        "directions",
        run,
        "--these",
        pictures[0],
        "--these",
        pictures[1],
        "--those",
        pictures[2],
        "--those",
        pictures[3],
    )
    command = ["edit", run, pictures[0], "--along", "difference", "--force", "--out", tmp_path / "e.png"]
    code, text, _ = call(*command)
    assert code == 0
    assert text.splitlines()[0] == "difference cannot be told from these codes: this edit may mean nothing"
    assert call(*command, "--json").json["doubtful"] == ["difference"]


BAD = {
    "morph to text": (["morph", "{run}", "{0}", "{1}", "--out", "{tmp}/m.txt"], "ends in .png or .gif"),
    "morph one step": (["morph", "{run}", "{0}", "{1}", "--out", "{tmp}/m.png", "--steps", "1"], "steps is 1; give 2"),
    "morph kind": (["morph", "{run}", "{0}", "{1}", "--out", "{tmp}/m.png", "--kind", "odd"], "'odd' is unknown"),
    "morph nothing": (["morph", "{run}", "{0}", "{tmp}/no.png", "--out", "{tmp}/m.png"], "no.png"),
    "no directions": (["edit", "{run}", "{0}", "--along", "smile", "--out", "{tmp}/e.png"], "lookalike directions"),
    "half a pair": (["directions", "{run}", "--these", "{0}"], "--these and --those go together"),
    "pair and data": (["directions", "{run}", "{tmp}", "--these", "{0}", "--those", "{1}"], "DATA does not go with"),
    "same groups": (["directions", "{run}", "--these", "{0}", "--those", "{0}"], "same mean code"),
    "no such attribute": (["directions", "{run}", "--attribute", "smirk"], "attribute 'smirk' is not in the table"),
    "crop without data": (["directions", "{run}", "--crop", "3"], "--crop does not go with the run's own pictures"),
    "no count": (["directions", "{run}", "--count", "0"], "--count"),
    "no run": (["directions", "{tmp}"], "holds no model"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_clear_line(call, run: Path, pictures: list[Path], tmp_path: Path, case: str) -> None:  # type: ignore[no-untyped-def]
    arguments, message = BAD[case]
    names = {"{run}": run, "{tmp}": tmp_path, "{0}": pictures[0], "{1}": pictures[1]}
    for name, path in names.items():
        arguments = [argument.replace(name, str(path)) for argument in arguments]
    code, out, err = call(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err


def test_unknown_names_list_the_known(call, run: Path, pictures: list[Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert call("directions", run, "--count", 1, "--attribute", "skin").code == 0
    code, _, err = call("edit", run, pictures[0], "--along", "smile", "--out", tmp_path / "e.png")
    assert code == 2
    assert "direction 'smile' is not among those of" in err
    assert "principal-1, skin" in err
