"""API requests, counted from the server's audit log by who made them."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
FLUSH = 1.5  # seconds; the server writes its log at least once a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One completed request; `resource` is such as ``pods`` or ``jobruns/status``, `code` the HTTP status."""

    agent: str
    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    code: int

    @property
    def is_write(self) -> bool:
        """Whether it meant to change something; a dry run is counted, because it costs the server as much."""
        return self.verb in WRITES


def requests(log: Path, *, agent: str = "", namespace: str = "", settle: float = FLUSH) -> Iterator[Request]:
    """Yield the requests whose user agent begins with `agent`, in `namespace` where one is given.

    Waits `settle` seconds first, so that what has been answered by now is in the log.
    """
    time.sleep(settle)
    with log.open() as lines:
        for line in lines:
            if not line.endswith("}\n"):
                continue  # the server is writing it
            event = json.loads(line)
            target = event.get("objectRef", {})
            one = Request(
                agent=event.get("userAgent", ""),
                user=event.get("user", {}).get("username", ""),
                verb=event["verb"],
                resource="/".join(part for part in (target.get("resource"), target.get("subresource")) if part),
                namespace=target.get("namespace", ""),
                name=target.get("name", ""),
                code=event.get("responseStatus", {}).get("code", 0),
            )
            if one.agent.startswith(agent) and namespace in ("", one.namespace):
                yield one


def writes(log: Path, *, agent: str = "", namespace: str = "", settle: float = FLUSH) -> Counter[str]:
    """Count the writes by what they were, such as ``create pods`` or ``patch jobruns/status``; with Events."""
    found = requests(log, agent=agent, namespace=namespace, settle=settle)
    return Counter(f"{one.verb} {one.resource}" for one in found if one.is_write)
