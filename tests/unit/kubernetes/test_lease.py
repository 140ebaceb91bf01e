"""Leader election, on a clock that only the test moves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

from brood.cluster.kubernetes.lease import Elector, LeadershipLost, LeaseTimes
from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Forbidden, Kind, Manifest, Unavailable

NAMESPACE, NAME = "brood", "brood-operator"


class FakeTime:
    """A clock, and sleepers that wake when it has moved far enough."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        await woken

    async def pass_by(self, seconds: float) -> None:
        """Let time pass little by little, as it does for a running process."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.5)
            await self.settle()

    async def jump(self, seconds: float) -> None:
        """Let time pass at once, as it does for a stopped process."""
        self.now += seconds
        await self.settle()

    async def settle(self) -> None:
        for when, woken in self._sleepers:
            if when <= self.now and not woken.done():
                woken.set_result(None)
        self._sleepers = [one for one in self._sleepers if not one[1].done()]
        for _ in range(30):
            await asyncio.sleep(0)


class Cut(LocalCluster):
    """A cluster whose connection a test can cut, before the server or after it."""

    down: Callable[[], None] | None = None
    lost_answers = 0
    requests = 0

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        self._arrive()
        return await super().get(kind, namespace, name)

    async def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> Manifest:
        self._arrive()
        done = await super().patch(kind, namespace, name, patch, subresource=subresource)
        if self.lost_answers:
            self.lost_answers -= 1
            raise Unavailable("the connection broke before the answer")
        return done

    def _arrive(self) -> None:
        self.requests += 1
        if self.down:
            self.down()

    def cut(self) -> None:
        def refuse() -> None:
            raise Unavailable("no route to host")

        self.down = refuse


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cut]:
    made = Cut(tmp_path, run_pods=False)
    yield made
    await made.close()


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def elector(cluster: Cut, time: FakeTime, identity: str) -> Elector:
    return Elector(cluster, namespace=NAMESPACE, name=NAME, identity=identity, clock=time.clock, sleep=time.sleep)


def lease(cluster: Cut) -> Manifest:
    return cluster.store.get(Kind.LEASE, NAMESPACE, NAME)


async def leading(one: Elector) -> "asyncio.Task[None]":
    await asyncio.wait_for(one.acquire(), 5)
    holding = asyncio.create_task(one.hold())
    await asyncio.sleep(0)  # it sleeps from now on
    return holding


async def test_the_first_one_leads_and_says_so_in_the_lease(cluster: Cut, time: FakeTime) -> None:
    one = elector(cluster, time, "one")
    assert not one.still_leader()
    await one.acquire()
    assert one.still_leader()
    spec = lease(cluster)["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("one", 15, 0)
    assert spec["renewTime"].endswith("Z")
    assert len(spec["acquireTime"]) == len("2026-01-01T00:00:00.000000Z")


async def test_it_leads_for_as_long_as_it_renews(cluster: Cut, time: FakeTime) -> None:
    one = elector(cluster, time, "one")
    holding = await leading(one)
    await time.pass_by(120)
    assert one.still_leader()
    assert not holding.done()
    assert 55 <= cluster.requests - 1 <= 61  # one write every two seconds, and no reads
    holding.cancel()


async def test_a_second_one_waits_while_the_first_renews(cluster: Cut, time: FakeTime) -> None:
    one, two = elector(cluster, time, "one"), elector(cluster, time, "two")
    holding = await leading(one)
    waiting = asyncio.create_task(two.acquire())
    await time.pass_by(120)
    assert not waiting.done()
    assert not two.still_leader()
    assert two.holder == "one"
    holding.cancel()
    waiting.cancel()


async def test_after_a_crash_the_second_one_takes_over_when_the_lease_has_run_out(cluster: Cut, time: FakeTime) -> None:
    one, two = elector(cluster, time, "one"), elector(cluster, time, "two")
    holding = await leading(one)
    waiting = asyncio.create_task(two.acquire())
    await time.pass_by(30)
    holding.cancel()
    crashed = time.now
    while not waiting.done():
        await time.pass_by(0.5)
        assert not (one.still_leader() and two.still_leader())
    assert 13 <= time.now - crashed <= 18
    assert lease(cluster)["spec"]["holderIdentity"] == "two"
    assert lease(cluster)["spec"]["leaseTransitions"] == 1


async def test_who_restarts_under_its_own_name_leads_at_once(cluster: Cut, time: FakeTime) -> None:
    killed = await leading(elector(cluster, time, "pod_uid"))
    killed.cancel()
    restarted, before = elector(cluster, time, "pod_uid"), time.now
    await asyncio.wait_for(restarted.acquire(), 5)
    assert restarted.still_leader()
    assert time.now == before
    assert lease(cluster)["spec"]["leaseTransitions"] == 0


async def test_a_clean_shutdown_lets_the_next_one_in_at_once(cluster: Cut, time: FakeTime) -> None:
    one, two = elector(cluster, time, "one"), elector(cluster, time, "two")
    holding = await leading(one)
    waiting = asyncio.create_task(two.acquire())
    await time.pass_by(10)
    holding.cancel()
    await one.release()
    assert not one.still_leader()
    await time.pass_by(2)
    assert waiting.done()
    assert two.still_leader()


async def test_a_cut_connection_costs_the_leadership_after_ten_seconds_and_before_anybody_else_has_it(
    cluster: Cut, time: FakeTime
) -> None:
    one = elector(cluster, time, "one")
    holding = await leading(one)
    await time.pass_by(20)
    cluster.cut()
    lost_from = time.now
    while one.still_leader():
        await time.pass_by(0.5)
    assert time.now - lost_from <= LeaseTimes().renew_deadline
    await time.pass_by(3)
    with pytest.raises(LeadershipLost, match="could not be renewed in time"):
        await holding


async def test_a_short_outage_costs_nothing(cluster: Cut, time: FakeTime) -> None:
    one = elector(cluster, time, "one")
    holding = await leading(one)
    cluster.cut()
    await time.pass_by(6)
    cluster.down = None
    await time.pass_by(30)
    assert one.still_leader()
    assert not holding.done()
    holding.cancel()


async def test_a_stopped_process_knows_at_its_first_step_that_it_leads_no_more(cluster: Cut, time: FakeTime) -> None:
    one, two = elector(cluster, time, "one"), elector(cluster, time, "two")
    holding = await leading(one)
    time.now += 60  # SIGSTOP, a suspended machine: nothing has run in between, not even a timer
    assert not one.still_leader()
    waiting = asyncio.create_task(two.acquire())
    await time.settle()
    with pytest.raises(LeadershipLost):
        await holding
    assert lease(cluster)["spec"]["renewTime"] is not None
    assert not waiting.done()  # it saw the lease only now
    waiting.cancel()


async def test_a_renewal_that_is_answered_too_late_is_none(cluster: Cut, time: FakeTime) -> None:
    one = elector(cluster, time, "one")
    holding = await leading(one)

    def slow() -> None:
        time.now += 11

    cluster.down = slow
    await time.pass_by(2)
    with pytest.raises(LeadershipLost, match="too late"):
        await holding
    assert not one.still_leader()


async def test_who_finds_another_name_in_the_lease_stops(cluster: Cut, time: FakeTime) -> None:
    one = elector(cluster, time, "one")
    holding = await leading(one)
    cluster.store.patch(Kind.LEASE, NAMESPACE, NAME, {"spec": {"holderIdentity": "usurper"}})
    await time.pass_by(2.5)
    with pytest.raises(LeadershipLost, match="usurper holds it"):
        await holding
    assert not one.still_leader()
    await one.release()
    assert lease(cluster)["spec"]["holderIdentity"] == "usurper"


async def test_who_finds_no_lease_stops(cluster: Cut, time: FakeTime) -> None:
    one = elector(cluster, time, "one")
    holding = await leading(one)
    cluster.store.delete(Kind.LEASE, NAMESPACE, NAME, uid=lease(cluster)["metadata"]["uid"])
    await time.pass_by(2.5)
    with pytest.raises(LeadershipLost, match="nobody holds it"):
        await holding


async def test_a_label_on_the_lease_disturbs_nobody(cluster: Cut, time: FakeTime) -> None:
    one = elector(cluster, time, "one")
    holding = await leading(one)
    for count in range(5):
        cluster.store.patch(Kind.LEASE, NAMESPACE, NAME, {"metadata": {"labels": {"seen": str(count)}}})
        await time.pass_by(2)
        assert one.still_leader()
    assert not holding.done()
    holding.cancel()


async def test_a_renewal_whose_answer_was_lost_is_found_out(cluster: Cut, time: FakeTime) -> None:
    one = elector(cluster, time, "one")
    holding = await leading(one)
    cluster.lost_answers = 2
    await time.pass_by(30)
    assert one.still_leader()
    assert not holding.done()
    holding.cancel()


async def test_a_lease_that_was_taken_with_a_lost_answer_is_ours(cluster: Cut, time: FakeTime) -> None:
    one = elector(cluster, time, "one")
    holding = await leading(one)
    holding.cancel()
    await one.release()
    two = elector(cluster, time, "two")
    cluster.lost_answers = 1
    waiting = asyncio.create_task(two.acquire())
    await time.settle()
    await time.pass_by(2.5)
    assert waiting.done()
    assert two.still_leader()


async def test_of_two_that_want_a_free_lease_one_gets_it(cluster: Cut, time: FakeTime) -> None:
    for _ in range(5):
        several = [elector(cluster, time, f"one-{count}") for count in range(4)]
        tasks = [asyncio.create_task(one.acquire()) for one in several]
        await time.settle()
        assert sum(one.still_leader() for one in several) == 1
        for task in tasks:
            task.cancel()
        for one in several:
            await one.release()


async def test_a_refusal_is_said_and_tried_again(cluster: Cut, time: FakeTime) -> None:
    def forbid() -> None:
        raise Forbidden('leases.coordination.k8s.io is forbidden: User "x" cannot get resource "leases"')

    cluster.down = forbid
    one = elector(cluster, time, "one")
    waiting = asyncio.create_task(one.acquire())
    await time.pass_by(10)
    assert not waiting.done()
    cluster.down = None
    await time.pass_by(3)
    assert waiting.done()


def test_times_with_which_two_could_lead_are_refused() -> None:
    with pytest.raises(ValueError, match="renew_deadline < duration"):
        LeaseTimes(duration=10, renew_deadline=10)
    assert LeaseTimes.of(15) == LeaseTimes()
