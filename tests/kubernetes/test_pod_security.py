"""A namespace that enforces the ``restricted`` Pod Security Standard: brood adds nothing that it would refuse."""

from collections.abc import Iterator

import pytest

from tests.cluster.access import Cluster
from tests.kubernetes.arenas import Arena, arena, condition, definition, row, run, script

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
SOMEBODY = {"spec": {"securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000}}}
LARGE = "head -c 60000 /dev/zero | tr '\\0' x"


@pytest.fixture(scope="module")
def restricted(kube: Cluster) -> Iterator[Arena]:
    """Give a restricted namespace with all runs of these tests at work."""
    take = 'cat file.txt; wc -c < "$BROOD_INPUTS/LARGE"'
    tasks = [
        script("make", "id -u; echo kept > file.txt", output="WHO", artifacts={"paths": ["file.txt"]}),
        script("large", LARGE, output="LARGE"),
        script("take", take, artifactsFrom=["make"], dependsOn=["large"], output="TAKEN"),
    ]
    untouched = [{"name": "main", "container": {"image": "alpine", "command": ["id", "-u"]}, "output": "WHO"}]
    defaults = {"container": {"image": "alpine"}, "podTemplate": SOMEBODY}
    with arena(kube, labels=RESTRICTED) as made:
        made.apply(
            definition("modest", tasks, taskDefaults=defaults),
            definition("untouched", untouched, taskDefaults=defaults),
            definition("rootly", [script("main", "true", infraRetries=0)]),
            *(run(name, name) for name in ("modest", "untouched", "rootly")),
        )
        yield made


def test_a_run_as_somebody_succeeds_with_outputs_and_artifacts(restricted: Arena) -> None:
    done = restricted.ended("modest")
    assert done["status"]["phase"] == "Succeeded", restricted.history.summary()
    assert done["status"]["outputs"]["WHO"] == "1000"
    assert done["status"]["outputs"]["TAKEN"] == "kept\n60000"


def test_a_container_without_a_script_passes_too(restricted: Arena) -> None:
    assert restricted.ended("untouched")["status"]["outputs"] == {"WHO": "1000"}


def test_a_pod_that_may_be_root_is_forbidden_in_the_servers_words(restricted: Arena) -> None:
    failed = restricted.ended("rootly")
    assert failed["status"]["phase"] == "Failed"
    assert row(failed, "main")["reason"] == "PodForbidden"
    message = row(failed, "main")["message"]
    assert "violates PodSecurity" in message
    assert "runAsNonRoot" in message
    assert "PodForbidden" in condition(failed, "Succeeded")["message"]
    assert restricted.history.ever("pods", run="rootly") == []


def test_what_brood_sets_itself_is_all_that_the_standard_asks_for_but_the_user(restricted: Arena) -> None:
    message = row(restricted.ended("rootly"), "main")["message"]
    for word in ("seccompProfile", "allowPrivilegeEscalation", "capabilities"):
        assert word not in message
