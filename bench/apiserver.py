"""A bare client of the API server for the benchmark, and what it can say of the server: audit log, stored size.

It shares nothing with brood's own client, so that what is measured against is not what is measured.
"""

# ruff: noqa: INP001 - a folder of scripts

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

AGENT = "bench"
IN_FLIGHT = 32
FLUSH_SECONDS = 1.5  # the server writes its audit log at least once a second
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
READ_BUFFER = 1 << 22  # one line of a watch is one object

Object = dict[str, Any]
RUNS = "/apis/brood.dev/v1alpha1/namespaces/{}/jobruns"
DEFINITIONS = "/apis/brood.dev/v1alpha1/namespaces/{}/jobdefinitions"
PODS = "/api/v1/namespaces/{}/pods"
JOBS = "/apis/batch/v1/namespaces/{}/jobs"


class ApiServer:
    """Requests to one API server. Made by `connect`."""

    def __init__(self, session: aiohttp.ClientSession, *, url: str, directory: Path) -> None:
        self._session = session
        self._url = url
        self.directory = directory
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    async def request(
        self, method: str, path: str, body: Object | None = None, *, kind: str = "application/json"
    ) -> Object:
        """Make one request and return the answer; anything but 2xx raises."""
        data = None if body is None else orjson.dumps(body)
        async with self._session.request(method, self._url + path, data=data, headers={"Content-Type": kind}) as answer:
            text = await answer.read()
            if answer.status >= 300:  # noqa: PLR2004 - HTTP
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]!r}")
            found: Object = orjson.loads(text)
            return found

    async def create(self, path: str, body: Object) -> Object:
        """Create one object."""
        return await self.request("POST", path, body)

    async def create_all(self, path: str, bodies: Iterable[Object]) -> list[Object]:
        """Create many, `IN_FLIGHT` at once."""

        async def one(body: Object) -> Object:
            async with self._slots:
                return await self.create(path, body)

        return await asyncio.gather(*(one(body) for body in bodies))

    async def set_status(self, path: str, name: str, status: Object) -> None:
        """Patch the status of one object."""
        async with self._slots:
            await self.request(
                "PATCH", f"{path}/{name}/status", {"status": status}, kind="application/merge-patch+json"
            )

    async def namespace(self, name: str) -> str:
        """Make a namespace in which Pods can run."""
        await self.create("/api/v1/namespaces", {"metadata": {"name": name}})
        while True:
            found = await self.request("GET", f"/api/v1/namespaces/{name}/serviceaccounts")
            if found["items"]:
                return name
            await asyncio.sleep(0.02)

    async def count(self, path: str, is_done: Callable[[Object], bool], *, selector: str = "") -> "Watch":
        """Begin to watch how many objects are done, from now on."""
        listed = await self.request("GET", f"{path}?limit=1&labelSelector={quote(selector)}")
        url = f"{self._url}{path}?watch=true&labelSelector={quote(selector)}"
        watch = Watch(self._session, url, listed["metadata"]["resourceVersion"], is_done)
        await watch.open()
        return watch

    async def stored_bytes(self, path: str) -> int:
        """Return the size of an object as JSON, without managedFields."""
        found = await self.request("GET", path)
        found["metadata"].pop("managedFields", None)
        return len(orjson.dumps(found))

    async def allocated_kb(self) -> float:
        """Return what the server has allocated since its start: what it did, told without its clock or its neighbours."""
        async with self._session.get(self._url + "/metrics") as answer:
            text = await answer.text()
        word = "go_memstats_alloc_bytes_total "
        return next(float(line.removeprefix(word)) / 1024 for line in text.splitlines() if line.startswith(word))

    async def requests(self, namespace: str) -> list[Object]:
        """Return the completed requests of the audit log that concern a namespace."""
        await asyncio.sleep(FLUSH_SECONDS)
        word, found = f'"{namespace}"', []
        with (self.directory / "log" / "audit.log").open(encoding="utf-8") as lines:
            for line in lines:
                if word in line and line.endswith("}\n"):
                    event = json.loads(line)
                    if (
                        event["stage"] == "ResponseComplete"
                        and event.get("objectRef", {}).get("namespace") == namespace
                    ):
                        found.append(event)
        return found


class Watch:
    """Counts the objects that became done, each once."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, version: str, is_done: Callable[[Object], bool]
    ) -> None:
        self._session, self._url, self._version = session, url, version
        self._is_done = is_done
        self._answer: aiohttp.ClientResponse | None = None
        self.done: dict[str, Object] = {}

    async def open(self) -> aiohttp.ClientResponse:
        """Begin, or go on after the server has ended the stream: it does where a reader is slow."""
        self._answer = await self._session.get(f"{self._url}&resourceVersion={self._version}")
        return self._answer

    async def until(self, number: int) -> None:
        """Wait until so many are done, then end the watch."""
        answer = self._answer or await self.open()
        while len(self.done) < number:
            async for line in answer.content:
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    raise RuntimeError(f"{self._url}: {event['object']}")
                self._take(event["object"])
                if len(self.done) >= number:
                    break
            else:
                answer = await self.open()
        answer.close()

    def _take(self, found: Object) -> None:
        self._version = found["metadata"]["resourceVersion"]
        if self._is_done(found):
            self.done.setdefault(found["metadata"]["name"], found)


def agent_of(event: Object) -> str:
    """Return the short name of the program that made a request."""
    return str(event.get("userAgent", "")).partition("/")[0].partition(" ")[0]


def target_of(event: Object) -> str:
    """Return such as ``patch jobruns/status``."""
    ref = event["objectRef"]
    return f"{event['verb']} {ref['resource']}" + (f"/{ref['subresource']}" if ref.get("subresource") else "")


def writes_of(events: Iterable[Object], agent: str) -> Counter[str]:
    """Count the writes of one program by what they were."""
    return Counter(target_of(one) for one in events if one["verb"] in WRITES and agent_of(one) == agent)


@asynccontextmanager
async def connect(directory: Path) -> Any:
    """Give the API server of a cluster that ``python -m tests.cluster up --dir`` has started."""
    config = json.loads((directory / "kubeconfig").read_text(encoding="utf-8"))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    trust = ssl.create_default_context(cafile=cluster["certificate-authority"])
    trust.load_cert_chain(user["client-certificate"], user["client-key"])
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=trust),
        headers={"User-Agent": AGENT},
        timeout=aiohttp.ClientTimeout(total=None),
        read_bufsize=READ_BUFFER,
    ) as session:
        yield ApiServer(session, url=cluster["server"], directory=directory)
