"""A view of a Pod that is as plain as possible."""

from datetime import UTC, datetime
from typing import Any

from brood.views import Meta, PodView

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def pod_view(**fields: Any) -> PodView:
    meta = Meta(namespace="a", name="x", uid="u", resource_version="1", created_at=MOMENT)
    given: dict[str, Any] = {
        "run": "r",
        "root": "r",
        "task": "t",
        "handler": False,
        "index": None,
        "attempt": 1,
        "phase": "Pending",
    }
    return PodView(meta=meta, **(given | fields))
