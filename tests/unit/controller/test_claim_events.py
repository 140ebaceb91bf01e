"""Why an artifact volume is Pending: in the words of the newest Event about its claim."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Forbidden, Kind, Listing
from brood.controller.claimevents import ClaimEvents
from brood.views import ClaimView, Meta
from tests.unit.controller.world import local

T0 = datetime(2026, 1, 1, tzinfo=UTC)
CLAIM = ClaimView(Meta("default", "files", "claim-uid", "1", T0), "Pending")


async def tell(cluster: LocalCluster, name: str, second: int, message: str, uid: str = "claim-uid") -> None:
    """Write an Event about a claim."""
    await cluster.create(
        Kind.EVENT,
        {
            "metadata": {"name": name, "namespace": "default"},
            "involvedObject": {"kind": "PersistentVolumeClaim", "name": "files", "uid": uid},
            "type": "Warning",
            "reason": "ProvisioningFailed",
            "message": message,
            "lastTimestamp": f"2026-01-01T00:00:{second:02}Z",
        },
    )


async def test_the_newest_event_about_the_claim_is_its_message_once_it_has_waited(tmp_path: Path) -> None:
    async with local(tmp_path, run_pods=False) as cluster:
        events = ClaimEvents(cluster)
        await tell(cluster, "newest", 9, 'storageclass "nope"\n not found')
        await tell(cluster, "older", 5, "waits for a consumer")
        await tell(cluster, "of-another", 10, "somebody else's", uid="other")
        assert await events.read(CLAIM, T0) == 2.0
        assert events.explained(CLAIM).message == ""  # most volumes are there by then
        assert await events.read(CLAIM, T0 + timedelta(seconds=2)) == 2.0
        assert events.explained(CLAIM).message == 'ProvisioningFailed: storageclass "nope" not found'
        await tell(cluster, "newer", 11, "no room")
        assert await events.read(CLAIM, T0 + timedelta(seconds=3)) == 1.0
        assert await events.read(CLAIM, T0 + timedelta(seconds=100)) == 25.0
        assert events.explained(CLAIM).message == "ProvisioningFailed: no room"


async def test_an_operator_that_may_not_read_events_goes_on_without(tmp_path: Path) -> None:
    async with local(tmp_path, run_pods=False) as cluster:

        async def refused(*_: Any, **__: Any) -> Listing:
            raise Forbidden("cannot list events")

        cluster.list = refused  # type: ignore[method-assign]
        events = ClaimEvents(cluster)
        assert await events.read(CLAIM, T0 + timedelta(seconds=8)) == 2.0
        assert events.explained(CLAIM) == CLAIM
