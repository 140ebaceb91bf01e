"""The dry run of a definition's Pods: what each answer of the server means, and how often it is asked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import ApiError, Forbidden, Invalid, Kind, Manifest, Port, TooManyRequests, Unavailable
from tests import manifests
from tests.unit.controller.faults import FaultyPort
from tests.unit.controller.world import controlled, local, until, until_true

PAIR = [
    {"name": "one", "container": {"image": "first:1"}},
    {"name": "two", "container": {"image": "second:1"}},
]


class Server(FaultyPort):
    """A cluster that answers dry runs as a test says, by image."""

    def __init__(self, port: Port, answers: Mapping[str, ApiError] | None = None) -> None:
        super().__init__(port)
        self.answers = dict(answers or {})
        self.tried: list[str] = []

    async def create(self, kind: Kind, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        if dry_run and kind is Kind.POD:
            image = manifest["spec"]["containers"][0].get("image", "")
            self.tried.append(image)
            if image in self.answers:
                raise self.answers[image]
        return await super().create(kind, manifest, dry_run=dry_run)


def condition(found: Manifest, kind: str) -> tuple[str, str]:
    conditions = found.get("status", {}).get("conditions", [])
    return next(((one["status"], one["reason"]) for one in conditions if one["type"] == kind), ("", ""))


def message(found: Manifest, kind: str) -> str:
    return next(str(one["message"]) for one in found["status"]["conditions"] if one["type"] == kind)


async def looked_at(cluster: LocalCluster, generation: int = 1) -> Manifest:
    return await until(
        cluster,
        Kind.JOB_DEFINITION,
        "hello",
        lambda found: found.get("status", {}).get("observedGeneration") == generation,
    )


async def test_pods_that_the_server_accepts_are_validated(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster:
        server = Server(cluster)
        async with controlled(server):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=PAIR))
            found = await looked_at(cluster)
        assert condition(found, "Ready") == ("True", "Valid")
        assert condition(found, "PodsValidated") == ("True", "PodsAccepted")
        assert server.tried == ["first:1", "second:1"]
        assert (await cluster.list(Kind.POD)).items == []


async def test_a_refused_pod_stalls_its_definition_and_names_the_task(tmp_path: Path) -> None:
    words = 'strict decoding error: unknown field "spec.containers[0].imagePullPolcy"'
    async with local(tmp_path) as cluster, controlled(Server(cluster, {"second:1": Invalid(words)})):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=PAIR))
        found = await looked_at(cluster)
    assert condition(found, "Ready") == ("False", "InvalidSpec")
    assert condition(found, "Stalled") == ("True", "InvalidSpec")
    assert condition(found, "PodsValidated") == ("False", "PodInvalid")
    for kind in ("Ready", "Stalled", "PodsValidated"):
        assert message(found, kind) == f"hello: spec.tasks[1]: the Pod of task two is refused: {words}"


@pytest.mark.parametrize(
    "answer",
    [Forbidden("exceeded quota: small"), Forbidden("violates PodSecurity"), Unavailable("gone"), TooManyRequests("no")],
)
async def test_any_other_answer_is_no_verdict_and_never_stalls(tmp_path: Path, answer: ApiError) -> None:
    async with local(tmp_path) as cluster, controlled(Server(cluster, {"first:1": answer})):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=PAIR))
        found = await looked_at(cluster)
    assert condition(found, "Ready") == ("True", "Valid")
    assert condition(found, "Stalled") == ("", "")
    assert condition(found, "PodsValidated") == ("Unknown", "NotChecked")
    assert answer.message in message(found, "PodsValidated")


async def test_an_invalid_pod_counts_more_than_one_that_was_forbidden(tmp_path: Path) -> None:
    answers = {"first:1": Forbidden("exceeded quota"), "second:1": Invalid("bad")}
    async with local(tmp_path) as cluster, controlled(Server(cluster, answers)):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=PAIR))
        assert condition(await looked_at(cluster), "PodsValidated") == ("False", "PodInvalid")


async def test_no_pod_of_a_definition_with_a_cycle_is_tried(tmp_path: Path) -> None:
    tasks = [{"name": "a", "script": "true", "dependsOn": ["b"]}, {"name": "b", "script": "true", "dependsOn": ["a"]}]
    async with local(tmp_path) as cluster:
        server = Server(cluster)
        async with controlled(server):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=tasks))
            found = await looked_at(cluster)
    assert condition(found, "Ready") == ("False", "InvalidSpec")
    assert "spec.tasks[0]" in message(found, "Ready")
    assert condition(found, "PodsValidated") == ("Unknown", "NotChecked")
    assert server.tried == []


async def test_each_generation_is_tried_once_and_what_was_refused_again_by_the_next_operator(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster:
        server = Server(cluster, {"second:1": Invalid("bad")})
        async with controlled(server):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=PAIR))
            await looked_at(cluster)
        assert server.tried == ["first:1", "second:1"]
        async with controlled(server) as again:
            label = {"metadata": {"labels": {"rings": "again"}}}
            await cluster.patch(Kind.JOB_DEFINITION, "default", "hello", label)
            await until_true(lambda: again.queue.idle, "at rest")
            assert condition(await looked_at(cluster), "Stalled") == ("True", "InvalidSpec")
            assert server.tried == ["first:1", "second:1"] * 2  # podDefaults may have been what was wrong
            mended = {"spec": {"tasks": [PAIR[0]]}}
            await cluster.patch(Kind.JOB_DEFINITION, "default", "hello", mended)
            found = await looked_at(cluster, 2)
            assert server.tried == [*["first:1", "second:1"] * 2, "first:1"]
        async with controlled(server) as third:
            await cluster.patch(Kind.JOB_DEFINITION, "default", "hello", label)
            await until_true(lambda: third.queue.idle, "at rest")
        assert server.tried == [*["first:1", "second:1"] * 2, "first:1"]
        assert condition(found, "PodsValidated") == ("True", "PodsAccepted")
        assert condition(found, "Stalled") == ("", "")


async def test_the_next_operator_tries_again_where_there_was_no_verdict(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster:
        server = Server(cluster, {"first:1": Forbidden("exceeded quota")})
        async with controlled(server):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=PAIR[:1]))
            await looked_at(cluster)
            await cluster.patch(Kind.JOB_DEFINITION, "default", "hello", {"metadata": {"labels": {"rings": "again"}}})
        assert server.tried == ["first:1"]
        server.answers.clear()
        async with controlled(server):
            await until(
                cluster,
                Kind.JOB_DEFINITION,
                "hello",
                lambda found: condition(found, "PodsValidated") == ("True", "PodsAccepted"),
            )
