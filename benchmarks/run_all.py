"""All benchmarks that need nothing but the package and LFW: `make bench`.

Looks for LFW in the folder named by LOOKALIKE_LFW, by default ../shared/data. The comparison with Keras on
TensorFlow has an environment of its own: see keras_reference.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    folder = Path(os.environ.get("LOOKALIKE_LFW", HERE.parent.parent / "shared" / "data"))
    archive, attributes = folder / "lfw-deepfunneled.tgz", folder / "lfw_attributes.txt"
    if not archive.exists() or not attributes.exists():
        print(f"{archive} or {attributes} is not there; set LOOKALIKE_LFW to the folder of both", file=sys.stderr)
        return 2
    loading = subprocess.run(
        [sys.executable, str(HERE / "data_loading.py"), str(archive), str(attributes)], check=False
    )
    quality = subprocess.run([sys.executable, str(HERE / "pca_quality.py"), str(archive)], check=False)
    return loading.returncode or quality.returncode


if __name__ == "__main__":
    sys.exit(main())
