"""A gallery of an imported encoder in the studio: searched by picture and in words, and nothing is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lookalike as la
from encoders import SIDE, code_of_words, two_towers
from lookalike.errors import OptionError, WeightsError
from lookalike.interop import onnx_import
from lookalike.models import onnx_trial
from lookalike.models.onnx_encoder import OnnxEncoder
from pictures import waves
from studio import Served, png, serving

COUNT = 40


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return two_towers(tmp_path_factory.mktemp("towers"))


@pytest.fixture(scope="module")
def model(towers: dict[str, Path]) -> OnnxEncoder:
    return onnx_import.import_onnx(towers["encoder"], text=towers["text"], tokenizer=towers["tokenizer"])


@pytest.fixture(scope="module")
def pictures() -> la.ImageSet:
    return la.ImageSet(waves(COUNT, SIDE, SIDE))


@pytest.fixture(scope="module")
def served(model: OnnxEncoder, pictures: la.ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("words") / "gallery"
    with la.Gallery.open(folder, model) as gallery:
        gallery.update(pictures)
        assert gallery.metric == "cosine"
    with serving(folder) as studio:
        yield studio


def by_angle(codes: np.ndarray, code: np.ndarray) -> np.ndarray:
    """1 - cosine of each, by hand."""
    return 1 - codes @ code / np.linalg.norm(codes, axis=1) / np.linalg.norm(code)


def test_words_find_what_lies_at_the_least_angle(
    served: Served, model: OnnxEncoder, pictures: la.ImageSet, towers: dict[str, Path]
) -> None:
    code = code_of_words(towers["text"], [0, 1, 2])  # "a" is unknown, which is the table's first row
    distances = by_angle(model.encode(pictures), code)
    best = np.argsort(distances)[:5]
    told = served.get("/api/v1/search", params={"text": "a red bicycle", "k": 5}).json()
    assert [one["name"] for one in told["neighbours"]] == [pictures.names[i] for i in best]
    np.testing.assert_allclose([one["distance"] for one in told["neighbours"]], distances[best], atol=1e-5)
    np.testing.assert_allclose(told["code"], code, atol=1e-6)
    first = told["neighbours"][0]["name"]
    where = {"text": "a red bicycle", "where": f"name != '{first}'", "k": 1}
    assert served.get("/api/v1/search", params=where).json()["neighbours"][0]["name"] == pictures.names[best[1]]


def test_pictures_find_themselves_and_nothing_is_drawn(served: Served, pictures: la.ImageSet) -> None:
    found = served.send("/api/v1/search", png(pictures.pixels[3])).json()["neighbours"][0]
    assert (found["name"], found["distance"]) == (pictures.names[3], 0.0)
    facts = served.get("/api/v1/gallery").json()
    assert (facts["draws"], facts["words"], facts["model"], facts["onnx"]) == (False, True, "onnx", None)
    told = served.post("/api/v1/decode", 422, json={"codes": [[0.0] * 8]}).json()["detail"]
    assert told.startswith("this model has no decoder")
    assert served.get("/api/v1/map", params={"method": "pca"}).json()["points"]
    assert served.get("/api/v1/duplicates", params={"threshold": 0}).json()["groups"] == []


@pytest.mark.parametrize("text", ["", " ", "x" * 2001])
def test_no_words_are_refused(served: Served, text: str) -> None:
    served.get("/api/v1/search", 422, params={"text": text})


def test_a_text_is_cut_to_the_length_that_the_graph_fixes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from encoders import WORDS, conv_encoder, text_encoder, tokenizer

    monkeypatch.setattr(onnx_import, "tried", onnx_trial.found)
    files = {
        "text": text_encoder(tmp_path / "t.onnx", 4, length=2),
        "tokenizer": tokenizer(tmp_path / "tokenizer.json", WORDS),
    }
    encoder = conv_encoder(tmp_path / "e.onnx")
    model = onnx_import.import_onnx(encoder, **files)
    for text, numbers in (("red bicycle face", [1, 2]), ("face", [3])):  # what fills up is masked
        np.testing.assert_allclose(model.encode_text(text), code_of_words(files["text"], numbers), atol=1e-6)
    unit = onnx_import.import_onnx(encoder, **files, normalise=True).encode_text("face")
    assert np.linalg.norm(unit) == pytest.approx(1, abs=1e-6)
    text_encoder(tmp_path / "wide.onnx", 4, code=9)
    with pytest.raises(OptionError, match="the text encoder gives 9 numbers, that of pictures 8"):
        onnx_import.import_onnx(encoder, text=tmp_path / "wide.onnx", tokenizer=files["tokenizer"])
    with pytest.raises(OptionError, match="it needs whole numbers of tokens"):
        onnx_import.import_onnx(encoder, text=encoder, tokenizer=files["tokenizer"])
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(WeightsError, match="the tokenizer cannot be read"):
        onnx_import.import_onnx(encoder, text=files["text"], tokenizer=tmp_path / "none.json")
