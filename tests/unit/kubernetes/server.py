"""An API server that says what a test wants it to."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from brood.cluster.kubernetes.client import KubernetesPort, connect
from brood.cluster.kubernetes.transport import unobserved

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def status(code: int, message: str, *, reason: str = "", **more: Any) -> dict[str, Any]:
    """Return a Status object."""
    return {"kind": "Status", "apiVersion": "v1", "code": code, "message": message, "reason": reason, **more}


def answer(body: Any, *, code: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return web.Response(text=text, status=code, headers=headers, content_type="application/json")


@dataclass
class FakeServer:
    """Answers each request by the next of ``answers``, the last one for all that follow."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        text = await request.text()
        self.bodies.append(json.loads(text) if text else None)
        take = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await take(request)

    def say(self, *answers: web.Response) -> None:
        """Answer so."""
        for one in answers:
            self.answers.append(_always(one))

    def stream(self, *chunks: bytes, end: Callable[[], Awaitable[None]] | None = None) -> None:
        """Answer with these chunks, each sent by itself; then wait for ``end``, or end at once."""

        async def send(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            for chunk in chunks:
                await response.write(chunk)
            if end is not None:
                await end()
            return response

        self.answers.append(send)


def _always(response: web.Response) -> Answer:
    async def give(_: web.Request) -> web.StreamResponse:
        return web.Response(
            body=response.body,
            status=response.status,
            headers={**response.headers},  # one response goes out once
        )

    return give


def kubeconfig(directory: Path, url: str, **user: Any) -> str:
    """Write a kubeconfig for a server, and return its path."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "team-a"}}],
        "current-context": "x",
    }
    file = directory / "kubeconfig"
    file.write_text(json.dumps(config))
    return str(file)


@asynccontextmanager
async def running(directory: Path, *, observe: Any = unobserved) -> AsyncIterator[tuple[FakeServer, KubernetesPort]]:
    """Yield a server and a port on it."""
    fake = FakeServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    server = TestServer(app)
    await server.start_server()
    fake.url = str(server.make_url("")).rstrip("/")
    port = await connect(kubeconfig=kubeconfig(directory, fake.url, token="first"), observe=observe)  # noqa: S106
    try:
        yield fake, port
    finally:
        await port.close()
        await server.close()
