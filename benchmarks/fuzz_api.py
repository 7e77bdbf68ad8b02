"""Thousands of made-up requests against the OpenAPI document of `lookalike serve`: none may end in a fault of ours.

    python benchmarks/fuzz_api.py GALLERY [--cases 5000] [--denoiser RUN] [--run RUN]

Starts the server on a free port and lets schemathesis (pip install schemathesis) make requests of every kind that the
document allows, and of kinds that it does not: boundary values, wrong types, missing parts, wrong methods, made-up
pictures. Rounds follow with further seeds until so many requests were answered. Checked of each answer: not 5xx but
503 with `Retry-After` (busy), status, content type and body as documented, nothing accepted that should be refused.
Not checked: that whatever fits the document is accepted, since it cannot say what a filter, a noise or a picture is.
Exits with 1 where a check failed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

EXCLUDED = "positive_data_acceptance"
EXAMPLES = 60
"""Of each address in one round of free fuzzing, beside the boundary values; fewer where fewer are asked for."""
MOST_ROUNDS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--cases", type=int, default=5000, help="requests to make at least (5000)")
    parser.add_argument("--denoiser", type=Path, help="a run whose model removes noise")
    parser.add_argument("--run", type=Path, help="a run to follow")
    options = parser.parse_args()
    command = [sys.executable, "-m", "lookalike", "serve", str(options.gallery), "--port", "0", "--json"]
    command += [] if options.denoiser is None else ["--denoiser", str(options.denoiser)]
    command += [] if options.run is None else ["--run", str(options.run)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    made, failed, seconds = 0, False, time.perf_counter()
    try:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())["url"]
        for number in range(MOST_ROUNDS):
            count, well = fuzz(address, number, min(EXAMPLES, max(1, options.cases // 50)))
            made, failed = made + count, failed or not well
            print(f"round {number}: {count} requests, {'all well' if well else 'FAILURES'}", flush=True)
            if made >= options.cases or failed:
                break
        with urllib.request.urlopen(f"{address}metrics") as answer:
            statuses = statuses_of(answer.read().decode())
    finally:
        server.terminate()
        server.wait(timeout=10)
    ours = {status: count for status, count in statuses.items() if status >= 500 and status != 503}
    lasted = time.perf_counter() - seconds
    print(f"{made} requests in {lasted:.0f} s; answers by status: {statuses}; 5xx: {ours or 'none'}")
    sys.exit(bool(failed or ours))


def fuzz(address: str, seed: int, examples: int) -> tuple[int, bool]:
    """One round: how many requests were made, and whether all checks held."""
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "openapi.json"  # which schemathesis itself would wait for no longer than ten seconds
        document.write_bytes(urllib.request.urlopen(f"{address}openapi.json").read())
        command = ["run", str(document), "--url", address, "--no-color", "--phases", "examples,coverage,fuzzing"]
        command += ["--checks", "all", "--exclude-checks", EXCLUDED, "--continue-on-failure", "--seed", str(seed)]
        command += ["--max-examples", str(examples), "--request-timeout", "30"]
        command += ["--generation-database", "none"]
        code = f"from schemathesis.cli import schemathesis; schemathesis({command!r})"
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    found = re.search(r"([\d,]+) generated", done.stdout)
    if done.returncode or found is None:
        print(done.stdout[-20_000:], done.stderr[-2000:], sep="\n")
    return 0 if found is None else int(found[1].replace(",", "")), done.returncode == 0


def statuses_of(text: str) -> dict[int, int]:
    """Answers by status, of the server's own metrics."""
    counts: dict[int, int] = {}
    for status, count in re.findall(r'^lookalike_requests_total\{.*status="(\d+)"\} ([\d.e+]+)', text, re.MULTILINE):
        counts[int(status)] = counts.get(int(status), 0) + int(float(count))
    return dict(sorted(counts.items()))


if __name__ == "__main__":
    main()
