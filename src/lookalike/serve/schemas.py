"""What goes in and out as JSON, for the OpenAPI document and for checking what comes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lookalike.noise.base import Slider

LARGEST_NUMBER = 1e6
"""Of a code: far beyond what any model gives, and before float32 overflows in squares."""
LARGEST_ID = 2**63 - 1
"""SQLite's integers end there."""

Number = Annotated[float, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER, allow_inf_nan=False, strict=True)]
LARGEST_CODE = 65_536
Code = Annotated[list[Number], Field(min_length=1, max_length=LARGEST_CODE)]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID, strict=True)]


class Body(BaseModel):
    """What comes in: an unknown field is refused, so that a misspelt one is not passed over in silence."""

    model_config = ConfigDict(extra="forbid")


def example(**values: Any) -> ConfigDict:
    """The configuration of a `Body` with an example for the OpenAPI document."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [values]})


class Refusal(BaseModel):
    """Every refusal."""

    detail: str = Field(description="One line: what was wrong, the limit, the remedy.")


class Neighbour(BaseModel):
    """A stored picture that was found."""

    id: int
    name: str
    distance: float = Field(description="In the gallery's metric.")
    person: str | None


class Neighbours(BaseModel):
    """What was found, nearest first."""

    neighbours: list[Neighbour]
    milliseconds: float = Field(description="From the whole request to its answer.")
    code: list[float] = Field(description="The code searched for; the mean where several were given.")


class Row(BaseModel):
    """A picture in a list."""

    id: int
    name: str
    person: str | None


class Rows(BaseModel):
    """A page of pictures by name."""

    total: int
    items: list[Row]


class Some(Body):
    """Stored pictures."""

    model_config = example(ids=[1, 2])
    ids: Annotated[list[Id], Field(max_length=200_000)]


class Item(Row):
    """All about a picture."""

    attributes: dict[str, float | str | None] = Field(description="What its source knows of it.")
    columns: dict[str, float | str | None] = Field(description="All that can be filtered by.")
    code: list[float]
    width: int
    height: int


class Space(BaseModel):
    """How distances come about: y = (code - mean) @ matrix, over its length where `unit`; then |a - b|, or half its
    square where `squared_half`."""

    mean: list[float] | None
    matrix: list[list[float]] | None
    unit: bool
    squared_half: bool


@dataclass(frozen=True)
class OfferedNoise(Slider):
    """A noise that the page offers, and its slider; `in_browser`: the page draws it itself."""

    name: str
    in_browser: bool


class OnnxDenoiser(BaseModel):
    """The exported model that removes noise."""

    models: list[str] = Field(description="Addresses: each takes what the one before gives, the first pictures.")
    image_shape: list[int] = Field(description="H, W and C of the pictures it was trained with.")
    reach: int | None = Field(description="Pixels that it sees to each side; null: it takes its own shape only.")
    takes_level: bool = Field(description="Whether it has a second input, `levels`; -1: it judges for itself.")


class Onnx(BaseModel):
    """Addresses of the exported models."""

    encoder: str
    decoder: str
    sharp: str | None = Field(description="From codes to pictures with detail that is invented, not seen.")
    denoiser: OnnxDenoiser | None


class Column(BaseModel):
    """What is known of pictures, and can be filtered by."""

    name: str
    kind: Literal["number", "text", "time", "flag"]
    about: str
    unit: str
    least: float | None
    most: float | None
    place: int | None = Field(description="Among an item's values in a static export; null: each row has it.")


class Taken(BaseModel):
    """Which files of pictures may be sent: those that the server can read."""

    suffixes: list[str]
    bytes: int = Field(description="Of one request.")


class Gallery(BaseModel):
    """What is served."""

    images: int
    model: str
    code_size: int
    image_shape: list[int]
    metric: str
    method: str
    recall_measured: float | None
    match_threshold: float | None
    match_rate: float | None
    false_match_rate: float | None
    false_matches: float | None
    match_basis: str | None
    people: bool
    attributes: list[str]
    columns: list[Column]
    noises: list[OfferedNoise]
    digest: str
    draws: bool = Field(description="Whether the model makes pictures of codes.")
    sharp: bool = Field(description="Whether it can draw them with detail, which is invented, not seen.")
    words: bool = Field(description="Whether GET /search takes words.")
    denoiser: bool
    takes: Taken
    onnx: Onnx | None
    preparing: list[str]
    runs: int


class ByCode(Body):
    """A search by code."""

    code: Code
    k: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    where: Annotated[list[str], Field(max_length=8)] = []


class ByItems(Body):
    """A search by stored pictures; several are searched for by their mean."""

    model_config = example(ids=[1, 2], k=5)
    ids: Annotated[list[Id], Field(min_length=1, max_length=1000)]
    k: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    where: Annotated[list[str], Field(max_length=8)] = []


class OneCode(BaseModel):
    """A picture's code."""

    code: list[float]


class Codes(Body):
    """Codes to decode."""

    codes: Annotated[list[Code], Field(min_length=1, max_length=64)]


class Drawn(BaseModel):
    """Codes of new pictures, which `POST /decode` draws."""

    codes: list[list[float]] = Field(description="Empty until the mixture is fitted that they come from.")
    ready: bool
    parts: int | None = Field(description="Of the mixture.")


class Pictures(BaseModel):
    """Pictures as PNG in base64."""

    pictures: list[str]


class Morph(Body):
    """From one picture to another, each a stored picture's id or a code."""

    model_config = example(a=1, b=2, steps=7, kind="linear", format="strip")
    a: Id | Code
    b: Id | Code
    steps: Annotated[int, Field(ge=2, le=64, strict=True)] = 7
    kind: Literal["linear", "spherical"] = "linear"
    format: Literal["strip", "gif", "json"] = "strip"


class Direction(BaseModel):
    """A direction: an amount of 1 adds `scale` times `vector` to a code."""

    name: str
    kind: Literal["principal", "attribute", "difference"]
    vector: list[float]
    scale: float
    measure: str | None
    accuracy: float | None
    chance: float | None
    meaningful: bool


class Directions(BaseModel):
    """All directions known; those of attributes follow once they are learned."""

    directions: list[Direction]
    ready: bool


class Groups(Body):
    """Two groups of stored pictures."""

    model_config = example(these=[1, 2, 3], those=[4, 5, 6])
    these: Annotated[list[Id], Field(min_length=1, max_length=10_000)]
    those: Annotated[list[Id], Field(min_length=1, max_length=10_000)]


class Change(Body):
    """How far to go along one direction, by its name or by a vector (of which 1 is added as it is)."""

    name: Annotated[str, Field(max_length=200)] | None = None
    vector: Code | None = None
    amount: Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False, strict=True)]


class Edit(Body):
    """A code or a stored picture, and how to change it."""

    model_config = example(id=1, changes=[{"name": "principal-1", "amount": 1.5}])
    id: Id | None = None
    code: Code | None = None
    changes: Annotated[list[Change], Field(max_length=64)]
    keep_residual: bool = Field(
        False,
        strict=True,
        description="For a stored picture as PNG: change the picture itself, so that its detail stays.",
    )


class Near(BaseModel):
    """A member of a group, with its distance from the first."""

    id: int
    name: str
    distance: float


class Duplicates(BaseModel):
    """Groups of copies, each with the picture first that stands for it; `levels` has what holds for all of a group."""

    threshold: float
    groups: list[list[Near]]
    levels: list[str]


class Map(BaseModel):
    """Places in the plane, within -1 to 1, one for each id."""

    method: str
    ready: bool
    points: list[list[float]]
    ids: list[int]


class ColumnValues(BaseModel):
    """What a column says of each picture, in the order of the map; null: nothing is known."""

    column: str
    values: list[float | str | None]


class MapGroups(BaseModel):
    """The name of each picture's group, null: in none; the id of the picture that stands for a group, by its name."""

    ready: bool
    values: list[str | None]
    medoids: dict[str, int]


class Atlas(BaseModel):
    """How thumbnails lie on the sheets."""

    tile: int
    columns: int
    per_sheet: int
    sheets: int
    ids: list[int]


class Run(BaseModel):
    """A run that is followed."""

    n: int
    name: str
    model: str | None
    code_size: int | None
    noise: str | None
    epochs: int
    epochs_planned: int | None
    running: bool = Field(description="Whether epochs are still to come.")
    best_epoch: int | None


class Runs(BaseModel):
    """All of them."""

    runs: list[Run]


class Curve(Run):
    """A run with its epochs."""

    history: list[dict[str, Any]]


class Health(BaseModel):
    """Searches are answered."""

    status: str
