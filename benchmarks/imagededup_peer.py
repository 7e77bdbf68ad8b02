"""The pairs that imagededup finds in a folder, method by method, as JSON.

    python benchmarks/imagededup_peer.py FOLDER

`review.py --peer` calls it by the Python of an environment of its own, made by `pip install imagededup`; it needs
nothing of lookalike. Hashes count as the same up to 10 of 64 bits apart and codes of the network from a cosine of 0.9
on, imagededup's own settings. The network's weights are loaded from the internet; a method that fails says why.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any


def pairs_of(finder: Any, folder: str, **settings: Any) -> list[tuple[str, str]]:
    found = finder.find_duplicates(image_dir=folder, **settings)
    return sorted({(min(one, other), max(one, other)) for one, others in found.items() for other in others})


def main() -> None:
    from imagededup.methods import CNN, DHash, PHash

    told: dict[str, dict[str, Any]] = {}
    methods: dict[str, tuple[Any, dict[str, Any]]] = {
        "PHash": (PHash, {"max_distance_threshold": 10, "num_enc_workers": 1, "num_dist_workers": 1}),
        "DHash": (DHash, {"max_distance_threshold": 10, "num_enc_workers": 1, "num_dist_workers": 1}),
        "CNN": (CNN, {"min_similarity_threshold": 0.9, "num_enc_workers": 0, "num_sim_workers": 1}),
    }
    for name, (finder, settings) in methods.items():
        try:
            with contextlib.redirect_stdout(sys.stderr):
                told[name] = {"pairs": pairs_of(finder(verbose=False), sys.argv[1], **settings)}
        except Exception as error:  # without the network's weights the others still count
            told[name] = {"failed": f"{type(error).__name__}: {error}"}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
