"""Models on the Hugging Face Hub: pushed with their card, and taken from there without running anything of theirs.

A repository holds what `Autoencoder.save` writes, `model.json` and the files that it names, a sharp decoder's two where
there is one, and the card as `README.md`. Nothing else is fetched, so nothing that could be unpickled.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from lookalike import files
from lookalike.errors import HubError, MissingExtraError
from lookalike.models import KINDS, sharp, store
from lookalike.models.base import Autoencoder
from lookalike.models.loading import load_model

try:
    from huggingface_hub import ModelCard, ModelCardData, ModelHubMixin, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError
    from huggingface_hub.errors import HTTPError as NetworkError  # type: ignore[attr-defined]  # of httpx or its heir
except ImportError as error:
    raise MissingExtraError("hub", "the Hugging Face Hub") from error

LIBRARY = "lookalike"
CARD_OF_RUN, CARD = "card.md", "README.md"
USE = """# {name}

A model of lookalike, {about}: pictures of {height} x {width} x {channels} become {code}.

```python
import lookalike as la

model = la.from_pretrained("{name}")
```
"""


def push_to_hub(
    run: str | Path | Autoencoder,
    repository: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    branch: str | None = None,
    create_pr: bool | None = None,
    message: str = "Push a model of lookalike",
) -> str:
    """Put a run's model, or a model, into a repository of the Hub; returns the commit's address.

    With a run goes its card. Of the place where the training's pictures lay, only the last name is told.

    Args:
        run: folder of a run or of a saved model, or a model.
        repository: as "me/faces"; made where there is none.
        private: whether only its owner sees a new repository; None for the owner's usual choice.
        token: of the Hub; without it the one that `hf auth login` or HF_TOKEN left.
        branch: of the repository; None for its main one.
        create_pr: whether to propose the commit instead of making it.
        message: of the commit.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        NotFittedError, RunError, WeightsError: there is no model to push, or a damaged one.
        HubError: the name is none of a repository, the Hub refuses, or it cannot be reached.
    """
    if isinstance(run, Autoencoder):
        shared = _Shared(run, None, repository)
    else:
        shared = _Shared(load_model(run), Path(run) / CARD_OF_RUN, repository)
    with _told(repository):
        pushed = shared.push_to_hub(
            repository, private=private, token=token, branch=branch, create_pr=create_pr, commit_message=message
        )
    return str(pushed)


def from_pretrained(
    repository: str | Path,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> Autoencoder:
    """A model of any kind from a repository of the Hub, as "me/faces", or from a folder of such files.

    Args:
        repository: its name, or a folder.
        revision: branch, tag or commit; None for the newest of the main branch.
        token: of the Hub, where the repository is private; without it the one that `hf auth login` or HF_TOKEN left.
        cache_dir: where files are kept; None for the Hub's usual place.
        local_files_only: whether only what was fetched before is to be used.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        HubError: there is no such repository or file, it may not be read, or the Hub cannot be reached.
        RunError, WeightsError: the files are of no model, or damaged.
    """
    shared = _Shared._from_pretrained(
        model_id=str(repository),
        revision=revision,
        cache_dir=cache_dir,
        force_download=False,
        local_files_only=local_files_only,
        token=token,
    )
    return shared.model


class _Shared(ModelHubMixin):
    """A model as huggingface_hub takes it."""

    def __init__(self, model: Autoencoder, card: Path | None, name: str) -> None:
        self.model, self.card, self.name = model, card, name

    def _save_pretrained(self, save_directory: Path) -> None:
        told = copy.copy(self.model)
        told.data_ = _without_places(self.model.data_)
        told.save(save_directory)
        if self.card is not None and self.card.is_file():
            files.write_bytes(save_directory / CARD, self.card.read_bytes())

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        height, width, channels = self.model.image_shape_
        code = f"codes of {self.model.code_size} numbers" if self.model.has_code else "pictures without noise"
        facts = {"height": height, "width": width, "channels": channels, "code": code}
        data = ModelCardData(library_name=LIBRARY, tags=[LIBRARY, self.model.kind])
        text = USE.format(name=self.name, about=KINDS[self.model.kind].about, **facts)
        return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}")

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **asked: Any) -> Self:
        if Path(model_id).is_dir():
            return cls(load_model(model_id), None, model_id)
        with _told(model_id):
            description = Path(hf_hub_download(model_id, store.DESCRIPTION, library_name=LIBRARY, **asked))
            for name in store.read_description(description.parent)["files"]:
                hf_hub_download(model_id, name, library_name=LIBRARY, **asked)
            with suppress(EntryNotFoundError):  # most models have no sharp decoder
                for name in (sharp.DESCRIPTION, sharp.WEIGHTS):
                    hf_hub_download(model_id, name, library_name=LIBRARY, **asked)
        return cls(load_model(description.parent), None, model_id)


def _without_places(data: dict[str, Any]) -> dict[str, Any]:
    """What a model says of its training's pictures, with the names of files but not of the folders they lay in."""
    if data["source"] is None:
        return data
    source = dict(data["source"])
    for what in ("source", "attributes"):
        if source[what] is not None:
            source[what] = Path(source[what]).name
    return {**data, "source": source}


@contextmanager
def _told(repository: str) -> Iterator[None]:
    """What the Hub and the way to it refuse, as one line."""
    try:
        yield
    except HFValidationError as error:
        raise HubError(f"{repository!r} is no name of a repository; give one as OWNER/NAME") from error
    except (OSError, NetworkError) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise HubError(
            f"{repository} on the Hub: {reason}; see to its name, `hf auth login` and the connection"
        ) from error
