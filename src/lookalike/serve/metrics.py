"""What the server counts, in Prometheus's text format."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
API = "/api/v1"
ELSEWHERE = "none"
"""The route of requests that lead nowhere, so that made-up addresses do not make new series."""
STREAM = f"{API}/runs/{{number}}/events"
"""Stays open for as long as someone looks: no time to count."""


class Metrics:
    """Counters of one application, apart from any other's in the process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "lookalike_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "lookalike_request_seconds",
            "Seconds from a request's first byte to its answer's last.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.batches = Histogram(
            "lookalike_batch_jobs",
            "Requests that were computed together.",
            ("work",),
            buckets=BATCHES,
            registry=self._registry,
        )
        self._gauges: list[tuple[Gauge, Callable[[], float]]] = []

    def watch(self, name: str, help: str, read: Callable[[], float]) -> None:
        """Show a number that is read whenever someone asks."""
        self._gauges.append((Gauge(f"lookalike_{name}", help, registry=self._registry), read))

    def text(self) -> tuple[bytes, str]:
        """All of it, with its content type."""
        for gauge, read in self._gauges:
            gauge.set(read())
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


class Counted:
    """ASGI middleware: counts every request by its route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            route = route_of(scope)
            self.metrics.requests.labels(_method(scope["method"]), route, status).inc()
            if route != STREAM:
                self.metrics.seconds.labels(route).observe(time.perf_counter() - started)


def route_of(scope: Scope) -> str:
    """The pattern of the address that answered. An included router's routes know theirs without the router's prefix."""
    pattern = getattr(scope.get("route"), "path", None)
    if pattern is None:
        return ELSEWHERE
    return pattern if pattern.startswith(API) or not scope["path"].startswith(f"{API}/") else f"{API}{pattern}"


def _method(name: str) -> str:
    return name if name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
