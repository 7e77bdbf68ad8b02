"""nginx and Caddy as docs/serving.md sets them up, each in a folder of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import NamedTuple

import pytest

from places import ROOT
from waiting import PATIENCE, until

NAME, BEHIND = "photos.example.org", "127.0.0.1:8000"
"""What the page of the docs calls the proxy and the studio."""
DOCS = (ROOT / "docs" / "serving.md").read_text()
TOLD = dict(re.findall(r"^(nginx|Caddy)\b[^\n]*:\n\n```\n(.*?)```", DOCS, re.MULTILINE | re.DOTALL))


class Certificate(NamedTuple):
    """Of the name, signed by itself."""

    chain: Path
    key: Path


def nginx(told: str, port: int, folder: Path, certificate: Certificate | None) -> list[str]:
    """The locations of the docs in a server of their own, which writes into one folder only."""
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    kept = "".join(f"    {place}_temp_path {folder}/{place};\n" for place in places)
    user = "user root;\n" if os.getuid() == 0 else ""
    listen = f"127.0.0.1:{port}"
    if certificate is not None:
        listen = f"{listen} ssl;\n    ssl_certificate {certificate.chain};\n    ssl_certificate_key {certificate.key}"
    server = f"    server {{\n    listen {listen};\n    server_name {NAME};\n{told}    }}\n"
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/errors;\nevents {{}}\n"
        f"http {{\n    access_log off;\n{kept}{server}}}\n"
    )
    return ["nginx", "-p", str(folder), "-e", str(folder / "errors"), "-c", str(folder / "nginx.conf")]


def caddy(told: str, port: int, folder: Path, certificate: Certificate | None) -> list[str]:
    """The site of the docs, without certificates of an authority, which nobody gives a name that is an example."""
    site = re.sub(rf"^{re.escape(NAME)}", f"{'http' if certificate is None else 'https'}://{NAME}:{port}", told)
    if certificate is not None:
        site = site.replace("{\n", f"{{\n    tls {certificate.chain} {certificate.key}\n", 1)
    (folder / "Caddyfile").write_text(f"{{\n    admin off\n    auto_https off\n}}\n{site}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


PROXIES: dict[str, Callable[[str, int, Path, Certificate | None], list[str]]] = {"nginx": nginx, "Caddy": caddy}


def skip_without(name: str) -> None:
    """Skip the test where that proxy is not installed."""
    if which(name.lower()) is None:
        pytest.skip(f"{name} is not installed")


def certificate_in(folder: Path) -> Certificate:
    """One that holds for a day; skipped where there is no openssl to make it."""
    skip_without("openssl")
    made = Certificate(folder / "chain.pem", folder / "key.pem")
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    command = ["openssl", "req", "-x509", *kind, *names, "-keyout", str(made.key), "-out", str(made.chain)]
    subprocess.run(command, check=True, capture_output=True)
    return made


@contextmanager
def front(name: str, told: str, behind: str, folder: Path, certificate: Certificate | None = None) -> Iterator[int]:
    """The port at which a proxy listens on this machine, set up as told; it ends with the block."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = PROXIES[name](told.replace(BEHIND, behind), port, folder, certificate)
    surroundings = {**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=surroundings)
        try:

            def answers() -> bool:
                assert process.poll() is None, (folder / "said").read_text()
                with socket.socket() as asked:
                    return asked.connect_ex(("127.0.0.1", port)) == 0

            until(answers, f"{name} listens")
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE)
