"""What goes in and out of the review as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from lookalike.serve.schemas import Body, Id, Row, example


class ReviewQueue(BaseModel):
    """What is gone through one by one."""

    key: str
    kind: str
    name: str
    about: str
    total: int
    done: int = Field(description="Of these decided.")


class KeepRule(BaseModel):
    """A ground on which one of several copies is kept."""

    name: str
    best: str
    argument: str = Field(description="What follows `name=`; empty: nothing.")


class AppliedBefore(BaseModel):
    """What was applied and can be undone."""

    how: str
    out: str | None
    record: str
    pictures: int


class Progress(BaseModel):
    """How far something is that is being made; null: not known."""

    kind: str
    done: int | None
    total: int | None


class Failure(BaseModel):
    """What could not be found, and why."""

    kind: str
    reason: str


class Review(BaseModel):
    """What there is to go through, how far it is, and what may be chosen."""

    queues: list[ReviewQueue]
    preparing: list[Progress]
    failed: list[Failure]
    rules: list[KeepRule]
    usual: str
    hows: dict[str, str]
    may_apply: bool
    decided: bool = Field(description="Whether any decision of the gallery's pictures is in force.")
    applied: list[AppliedBefore]


class ReviewPicture(Row):
    """A picture to decide of, with what is proposed or decided, and why."""

    action: Literal["keep", "drop"]
    reason: str


class ReviewEntry(BaseModel):
    """One thing to decide: the picture to keep first."""

    pictures: list[ReviewPicture]
    done: bool


class ReviewEntries(BaseModel):
    """What is in a queue."""

    entries: list[ReviewEntry]


class OneDecision(Body):
    """A decision: of one picture, or of two."""

    kind: Literal["keep", "drop", "keep-both", "not-duplicates"]
    ids: Annotated[list[Id], Field(min_length=1, max_length=2)]


class Decided(Body):
    """Decisions that belong together."""

    model_config = example(decisions=[{"kind": "keep", "ids": [1]}])
    decisions: Annotated[list[OneDecision], Field(min_length=1, max_length=1000)]


class Sequences(Body):
    """Numbers of decisions; where none is given, the last one is meant."""

    model_config = example(sequences=[])
    sequences: Annotated[list[Id], Field(max_length=1000, default_factory=list)]


class Undecided(BaseModel):
    """Whose decisions were taken back."""

    names: list[str]


class Apply(Body):
    """What is to become of what is dropped and kept; without `confirmed` it is only said."""

    model_config = example(how="list")
    how: Literal["list", "copy", "link", "trash"]
    rules: Annotated[str, Field(max_length=1000)] | None = None
    out: Annotated[str, Field(min_length=1, max_length=4000)] | None = Field(
        None, description="A folder, of the server's machine."
    )
    level: Literal["bytes", "picture", "near", "scene"] = Field(
        "near",
        description="The loosest of which proposals count; shots of one `scene`, no copies, only where asked for.",
    )
    only_decided: bool = Field(
        False,
        strict=True,
        description="Leave out what is only proposed: dropped is what was decided to be, which counts at any `level`.",
    )
    confirmed: Annotated[int, Field(ge=0, strict=True)] | None = Field(None, description="As many as it was said.")


class NotDone(BaseModel):
    """A picture of which something could not be done, and why."""

    name: str
    reason: str


class PlanRow(BaseModel):
    """What is to become of a picture; besides groups, the group is null."""

    group: int | None
    level: str | None
    name: str
    action: str
    reason: str


class WasApplied(BaseModel):
    """What was done or, with `dry_run`, would be."""

    how: str
    dry_run: bool
    done: int
    already: int
    failed: list[NotDone]
    out: str | None
    left_out: int
    as_decided: int = Field(description="Of what is dropped, as was decided; of the trash, of what goes there.")
    as_proposed: int = Field(description="The rest of it.")
    plan: list[PlanRow]


class UndoApplied(Body):
    """Which of what was applied is taken back, counted from 0; without `confirmed` it is only said."""

    model_config = example(number=0)
    number: Annotated[int, Field(ge=0, le=10_000, strict=True)]
    confirmed: bool = Field(False, strict=True)


class WasUndone(BaseModel):
    """What was taken back or, with `dry_run`, would be."""

    how: str
    dry_run: bool
    undone: int
    failed: list[NotDone]
