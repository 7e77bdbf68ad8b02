"""`lookalike sample`"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.experiment import train_run
from lookalike.models import NEW_PICTURE
from lookalike.models.loading import open_model
from lookalike.sampling import load_mixture

DATA = "synthetic:120"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "pca"
    train_run(la.PCAAutoencoder(8), la.load(DATA, size=16), folder)
    return folder


def test_new_pictures_with_their_nearest(call, run: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "new"
    told = call("sample", run, "--count", 3, "--truncation", 0.8, "--seed", 4, "--out", out, "--json").json
    assert told["written"] == [
        str(out / name) for name in ("sample-01.png", "sample-02.png", "sample-03.png", "sheet.png")
    ]
    model = open_model(run)
    mixture = load_mixture(model, run)
    assert (told["parts"], told["covariance"], told["likelihood"]) == (
        *(mixture.parts, mixture.covariance, mixture.likelihood),
    )
    expected = la.to_uint8(la.sample(model, mixture, 3, truncation=0.8, seed=4))
    for path, picture in zip(told["written"], expected, strict=False):
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image), picture)
    train, _ = la.load(DATA, size=16).split()
    codes = model.encode(train)
    for one, code in zip(told["nearest"], mixture.draw(3, truncation=0.8, seed=4), strict=True):
        distances = np.linalg.norm(codes - code, axis=1)
        assert one["name"] == train.names[int(distances.argmin())]
        assert one["distance"] == pytest.approx(distances.min(), rel=1e-4)
    assert (told["copying"]["drawn"], told["copying"]["test"], told["copying"]["copies"]) == (12, 12, False)

    sheet = tmp_path / "sheet.png"
    code, text, _ = call("sample", run, "--count", 24, "--out", sheet)
    assert code == 0
    assert text.splitlines()[0].startswith("a mixture of ")
    assert "no sign of copying" in text
    assert text.splitlines()[-1] == NEW_PICTURE
    with Image.open(sheet) as image:
        assert image.info["Description"] == NEW_PICTURE
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["sheet.png"]
    again = call("sample", run, "--count", 3, "--out", out)
    assert again.out.splitlines()[2] == f"wrote {out / 'sheet-2.png'}"


def test_pictures_that_a_model_was_not_told_of(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    faces = la.load(DATA, size=16)
    la.PCAAutoencoder(5).fit(faces.pixels).save(tmp_path / "bare")
    code, _, err = call("sample", tmp_path / "bare", "--out", tmp_path / "new")
    assert (code, "name DATA" in err) == (2, True)
    told = call("sample", tmp_path / "bare", DATA, "--parts", 2, "--out", tmp_path / "new", "--json").json
    assert (told["parts"], len(told["nearest"])) == (2, 16)
    few = call("sample", tmp_path / "bare", "portraits:40", "--parts", 3, "--out", tmp_path / "few")
    assert "too few to tell copies" in few.out
    assert "(of 3: those of too few pictures joined others)" in few.out


BAD = {
    "no parts": (["sample", "{run}", "--parts", "many", "--out", "{tmp}/new"], "parts is 'many'"),
    "too many parts": (
        ["sample", "{run}", "--parts", "60", "--out", "{tmp}/new"],
        "parts is 60; 97 codes (a tenth is held out) allow 1 to 9",
    ),
    "no count": (["sample", "{run}", "--count", "0", "--out", "{tmp}/new"], "count is 0"),
    "too far": (["sample", "{run}", "--truncation", "2", "--out", "{tmp}/new"], "truncation is 2.0"),
    "no codes": (["sample", "ready", "--out", "{tmp}/new"], "has no code"),
    "crop": (["sample", "{run}", "--crop", "3", "--out", "{tmp}/new"], "--crop does not go with the run's own"),
    "a folder": (["sample", "{run}", "--out", "{tmp}/there.png"], "is a folder"),
    "more than a sheet shows": (
        ["sample", "{run}", "--count", "25", "--out", "{tmp}/new.png"],
        "--count is 25; a sheet shows 24 at most",
    ),
    "another kind of file": (["sample", "{run}", "--out", "{tmp}/new.jpg"], "give a name that ends in .png"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_clear_line(call, run: Path, tmp_path: Path, case: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "there.png").mkdir()
    arguments, message = BAD[case]
    words = [word.replace("{run}", str(run)).replace("{tmp}", str(tmp_path)) for word in arguments]
    code, out, err = call(*words)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err
    assert not (tmp_path / "new").exists()
