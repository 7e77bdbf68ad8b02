"""What the files in a training's folder are called: known to all who meet such a folder, without what trains."""

from __future__ import annotations

CONFIG = "config.json"
CHECKPOINTS = "checkpoints"
METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"
TABLE = "metrics.csv"
PLOT = "loss.png"
CARD = "card.md"
