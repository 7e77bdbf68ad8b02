"""Models pushed to a Hub and taken back by huggingface_hub itself, from a server that speaks as the Hub does."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lookalike as la
from fake_hub import FakeHub, fake_hub
from lookalike.errors import HubError, MissingExtraError, RunError, WeightsError
from pictures import waves
from sharps import sharpened


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    from huggingface_hub import constants

    with fake_hub() as made:
        monkeypatch.setattr(constants, "ENDPOINT", made.address)
        template = made.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub cache"))
        monkeypatch.setenv("HF_TOKEN", "hf_not_a_real_one")
        yield made


@pytest.mark.parametrize("kind", [la.PCAAutoencoder, la.ConvAutoencoder, la.UNetDenoiser], ids=lambda kind: kind.kind)
def test_a_model_comes_back_as_it_went(hub: FakeHub, kind: type[la.Autoencoder]) -> None:
    model = kind().initialise((16, 16, 3))
    address = la.push_to_hub(model, "me/waves")
    assert address.startswith(hub.address)
    back = la.from_pretrained("me/waves")
    assert (type(back), back.digest) == (kind, model.digest)
    np.testing.assert_array_equal(back.reconstruct(waves(2, 16, 16)), model.reconstruct(waves(2, 16, 16)))


def test_a_run_goes_with_its_card_and_without_its_place(hub: FakeHub, tmp_path: Path) -> None:
    secret = tmp_path / "Anna's holidays"
    secret.mkdir()
    np.save(secret / "waves.npy", waves(30, 16, 16))
    run = tmp_path / "run"
    la.PCAAutoencoder(4).fit(la.load(secret / "waves.npy", size=16), run=run)
    (run / "card.md").write_text("---\nlibrary_name: lookalike\n---\n\nThe card of this run.\n")
    la.push_to_hub(run, "me/waves", message="First")
    pushed = hub.repositories["me/waves"]
    assert set(pushed) >= {"README.md", "model.json", "encoder.safetensors", "decoder.safetensors"}
    assert pushed["README.md"] == (run / "card.md").read_bytes()
    assert json.loads(pushed["model.json"])["data"]["source"]["source"] == "waves.npy"
    assert not [name for name, content in pushed.items() if b"holidays" in content]
    assert la.from_pretrained("me/waves").data_["digest"] == la.load_model(run).data_["digest"]


def test_a_card_where_the_model_has_none(hub: FakeHub) -> None:
    from huggingface_hub import ModelCard

    la.push_to_hub(la.PCAAutoencoder(4).initialise((16, 16, 3)), "me/waves")
    card = ModelCard(hub.repositories["me/waves"]["README.md"].decode())
    assert card.data.library_name == "lookalike"
    assert 'la.from_pretrained("me/waves")' in card.text
    assert "codes of 4 numbers" in card.text


def test_nothing_but_the_model_is_fetched(hub: FakeHub) -> None:
    la.push_to_hub(la.PCAAutoencoder(4).initialise((16, 16, 3)), "me/waves")
    hub.repositories["me/waves"]["pytorch_model.bin"] = b"a pickle"
    hub.asked.clear()
    la.from_pretrained("me/waves")
    assert {path.rpartition("/")[2] for path in hub.asked} == {
        "model.json",
        "encoder.safetensors",
        "decoder.safetensors",
        "sharp.json",  # which is not there
    }
    hub.asked.clear()
    la.from_pretrained("me/waves", local_files_only=True)
    assert hub.asked == []


def test_a_sharp_decoder_goes_along(hub: FakeHub) -> None:
    model = sharpened(la.PCAAutoencoder(4).initialise((16, 16, 3)))
    la.push_to_hub(model, "me/sharp")
    codes = np.random.default_rng(0).normal(0, 1, (3, 4)).astype(np.float32)
    found = la.from_pretrained("me/sharp").decode(codes, sharp=True)
    np.testing.assert_array_equal(found, model.decode(codes, sharp=True))


def test_what_the_hub_refuses_is_one_line(hub: FakeHub) -> None:
    with pytest.raises(HubError, match="me/nothing on the Hub"):
        la.from_pretrained("me/nothing")
    with pytest.raises(HubError, match=r"'me/a/b' is no name of a repository; give one as OWNER/NAME"):
        la.from_pretrained("me/a/b")
    with pytest.raises(HubError, match=r"me/never on the Hub: .*connection"):
        la.from_pretrained("me/never", local_files_only=True)
    hub.repositories["me/other"] = {"config.json": b"{}"}
    with pytest.raises(HubError, match=r"me/other on the Hub: .*Entry Not Found"):
        la.from_pretrained("me/other")


def test_what_is_damaged_there_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    la.push_to_hub(la.PCAAutoencoder(4).initialise((16, 16, 3)), "me/waves")
    encoder = hub.repositories["me/waves"]["encoder.safetensors"]
    hub.repositories["me/waves"]["encoder.safetensors"] = encoder[:-4] + b"\1\2\3\4"
    with pytest.raises(WeightsError, match="encoder"):
        la.from_pretrained("me/waves")
    hub.repositories["me/json"] = {"model.json": b'{"files": {"../../x.safetensors": "0"}}'}
    with pytest.raises((RunError, WeightsError)):
        la.from_pretrained("me/json")


def test_a_folder_serves_as_a_repository(tmp_path: Path) -> None:
    model = la.PCAAutoencoder(4).initialise((16, 16, 3))
    model.save(tmp_path)
    assert la.from_pretrained(tmp_path).digest == model.digest


def test_the_hub_is_away() -> None:
    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(HubError, match=r"me/waves on the Hub: .*and the connection"):
            la.push_to_hub(la.PCAAutoencoder(4).initialise((16, 16, 3)), "me/waves", token="hf_not_a_real_one")


def test_without_the_package_its_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "lookalike.interop.hub", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[hub\]'"):
        la.from_pretrained("me/waves")
