"""Who may ask: nobody whom a browser was tricked into speaking for, and on a network only who has the token."""

from __future__ import annotations

import hashlib
import hmac
import json
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.serve.settings import StudioSettings, is_loopback

COOKIE = "lookalike"
OPEN = ("/healthz",)
"""Answered without a token, so that whatever watches the server need not have it."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]
"""On every answer. With the cross-origin ones the page may use threads in WebAssembly."""


class Guard:
    """ASGI middleware: refuses by host, origin and token, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, settings: StudioSettings) -> None:
        self.app = app
        self.token = settings.token
        self.cookie = None if settings.token is None else cookie_of(settings.token)
        self.allowed = {name.lower() for name in settings.hosts}
        self.hosts = {"localhost", settings.host.strip("[]").lower(), *map(_name_of, self.allowed)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        headers = dict(scope["headers"])
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(with_headers, *refusal)
        elif self.cookie is not None and scope["path"] == "/" and _asked_with_token(scope):
            await self._take_token(scope, with_headers)
        else:
            await self.app(scope, receive, with_headers)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if self.token is None and _name_of(host) not in self.hosts and not is_loopback(_name_of(host)):
            return 421, f"this server is not called {host[:100] or 'nothing'}; allow the name with --allow-host"
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and not self._is_own_origin(headers, host):
            page = headers.get(b"origin", b"another origin").decode("latin-1")[:100]
            return 403, f"a page of {page} sent this; if that is a proxy's name, allow it with --allow-host"
        if self.token is not None and scope["path"] not in OPEN and not self._knows_token(scope, headers):
            return 401, "a token is needed: send 'Authorization: Bearer TOKEN', or open /?token=TOKEN in a browser"
        return None

    def _is_own_origin(self, headers: dict[bytes, bytes], host: str) -> bool:
        """Whether the studio's own page sent this: under the Host it was asked by, or under a name that is allowed.

        A proxy may ask by a Host of its own, as nginx does unless told otherwise, while the browser says which name
        it was given.
        """
        if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
            return False
        origin = headers.get(b"origin")
        if origin is None:
            return True
        place = urlsplit(origin.decode("latin-1")).netloc.lower()
        return place == host or place in self.allowed or _name_of(place) in self.allowed

    def _knows_token(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        assert self.token is not None
        assert self.cookie is not None
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self.token.encode()):
            return True
        try:
            held = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(COOKIE)
        except CookieError:
            held = None
        if held is not None and hmac.compare_digest(held.value.encode(), self.cookie.encode()):
            return True
        # Only the page's address takes it: elsewhere it would stay in logs and histories.
        return scope["path"] == "/" and any(
            name == "token" and hmac.compare_digest(value.encode(), self.token.encode())
            for name, value in _query(scope)
        )

    async def _take_token(self, scope: Scope, send: Send) -> None:
        """Keep the right token in a cookie, and send the browser on to the address without it.

        Both without a path: the browser knows what prefix a proxy gives this address, the server does not.
        """
        rest = urlencode([(name, value) for name, value in _query(scope) if name != "token"])
        cookie = f"{COOKIE}={self.cookie}; HttpOnly; SameSite=Lax; Max-Age=2592000"
        if scope.get("scheme") == "https":
            cookie += "; Secure"
        headers = [
            (b"location", f"./?{rest}".rstrip("?").encode()),
            (b"set-cookie", cookie.encode()),
            (b"cache-control", b"no-store"),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def cookie_of(token: str) -> str:
    """What stands for the token in a browser: whoever reads a cookie file does not learn the token itself."""
    return hashlib.sha256(f"lookalike studio\0{token}".encode()).hexdigest()


def _name_of(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host.partition("]")[0].strip("[]")
    return host.rpartition(":")[0] if ":" in host else host


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _asked_with_token(scope: Scope) -> bool:
    return any(name == "token" for name, _ in _query(scope))


async def _answer(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="lookalike"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
