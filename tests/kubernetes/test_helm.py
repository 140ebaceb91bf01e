"""brood as people install it: the image from the Dockerfile and the chart, in namespaces with restricted Pod Security."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import image
from tests.cluster.access import Cluster
from tests.cluster.places import PROJECT
from tests.cluster.state import State
from tests.kubernetes.arenas import definition, fresh, row, run, script
from tests.kubernetes.charts import CHART, RELEASE, HelmError, Object, helm
from tests.kubernetes.history import History, watching

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
SOMEBODY = {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000}
ADOPT = ("--take-ownership", "--force-conflicts")  # the CRDs are there already: the other tests need them too


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A release in one namespace that serves another."""

    cluster: Cluster
    home: str
    work: str
    digest: str
    history: History

    def helm(self, verb: str, *words: str, values: Object | None = None) -> str:
        """Run helm on the release."""
        release = [RELEASE, str(CHART)] if values is not None else [RELEASE]
        config = f"--kubeconfig={self.cluster.kubeconfig}"
        return helm(verb, *release, config, f"--namespace={self.home}", "--wait", "--timeout=2m", *words, values=values)

    def values(self, **more: object) -> Object:
        """Return the values of the release."""
        defaults = {"spec": {"securityContext": SOMEBODY}}
        return {"image": {"digest": self.digest}, "watchNamespaces": [self.work], "podDefaults": defaults, **more}


@pytest.fixture(scope="module")
def installed(kube: Cluster) -> Iterator[Installation]:
    """Give an installation of the chart, with the image of this very code."""
    state = State.load(kube.kubeconfig.parent)
    if state is None:
        pytest.skip("this cluster has no registry of ours")
    digest = image.push(state)
    with (
        kube.namespace(labels=RESTRICTED) as home,
        kube.namespace(labels=RESTRICTED) as work,
        watching(kube, work) as seen,
    ):
        made = Installation(cluster=kube, home=home, work=work, digest=digest, history=seen)
        yield made
        kube.kubectl("delete", "jobruns", "--all", "-n", work)
        made.helm("uninstall", "--ignore-not-found")


@pytest.fixture(scope="module")
def notes(installed: Installation) -> str:
    """Give what helm says after the installation."""
    return installed.helm("install", *ADOPT, values=installed.values())


@pytest.mark.slow
def test_the_first_run_that_the_notes_show_succeeds(installed: Installation, notes: str, tmp_path: Path) -> None:
    commands = notes.partition("A first run:")[2].partition("\n`")[0]
    environment = installed.cluster.shell(tmp_path, namespace="default")
    done = subprocess.run(
        ["sh", "-ec", commands], env=environment, capture_output=True, text=True, check=False, timeout=90
    )
    assert done.stdout.splitlines()[-1:] == ["hello world"], done.stdout + done.stderr


@pytest.mark.slow
def test_the_image_can_send_traces_and_holds_no_tools(installed: Installation, notes: str) -> None:
    imports = ("python", "-c", "import brood.controller.traces")
    assert installed.cluster.kubectl("exec", "-n", installed.home, "deploy/brood", "--", *imports) == ""
    listed = installed.cluster.kubectl("exec", "-n", installed.home, "deploy/brood", "--", "ls", "/opt/brood/bin")
    assert "brood" in listed.split()
    assert not {"pip", "hatchling"} & {*listed.split()}


@pytest.mark.slow
def test_an_upgrade_during_the_examples_loses_nothing(installed: Installation, notes: str) -> None:
    for example in ("01-hello", "02-parallel-video"):
        installed.cluster.kubectl("apply", "-n", installed.work, "-f", str(PROJECT / "examples" / example))
    installed.history.until(lambda: installed.history.ever("pods", root_run="encode"), "a Pod of example 02")
    limits = {"limits": {"maxPods": 1, "maxRuns": 1}}
    installed.helm("upgrade", values=installed.values(replicas=2, podAnnotations={"upgraded": "yes"}, **limits))
    installed.cluster.apply(run("hello-again", "hello"), namespace=installed.work)
    pods = installed.cluster.list("pods", namespace=installed.home, selector="app.kubernetes.io/name=brood")
    stay = [one["metadata"] for one in pods if "deletionTimestamp" not in one["metadata"]]
    assert [one["annotations"] for one in stay] == [{"upgraded": "yes"}] * 2
    for one in ("hello", "encode", "hello-again"):
        done = installed.history.ended(one, seconds=90)
        assert done["status"]["phase"] == "Succeeded", installed.history.summary()
    assert done["status"]["startTime"] >= installed.history.ended("encode")["status"]["completionTime"], "maxRuns"
    assert set(installed.history.attempts(root_run="encode").values()) == {1}
    assert len(installed.history.ever("pods", root_run="encode")) == 4 + 2 * 2


@pytest.mark.slow
def test_an_upgrade_to_defaults_that_no_pod_can_have_leaves_the_operators_that_work(
    installed: Installation, notes: str
) -> None:
    wrong = {"spec": {"securityContext": {"runAsUsr": 1000}}}
    with pytest.raises(HelmError, match="not ready"):
        installed.helm("upgrade", "--timeout=10s", values=installed.values(podDefaults=wrong))

    def said() -> str:
        return installed.cluster.kubectl(
            "logs", "-n", installed.home, "-l", "app.kubernetes.io/name=brood", check=False
        )

    installed.history.until(lambda: 'unknown field \\"spec.securityContext.runAsUsr\\"' in said(), "a refusal")
    status = installed.cluster.get("deployment", "brood", namespace=installed.home)["status"]
    assert status["availableReplicas"] == 1


@pytest.mark.slow
def test_an_uninstall_leaves_runs_and_another_installation_ends_them(installed: Installation, notes: str) -> None:
    """With ``crds.keep``, the default."""
    name = fresh()
    tasks = [script("first", "sleep 3"), script("second", "true", dependsOn=["first"])]
    installed.cluster.apply([definition(name, tasks), run(name, name)], namespace=installed.work)
    installed.history.until(lambda: installed.history.ever("pods", run=name), "a Pod")
    installed.helm("uninstall")
    installed.cluster.kubectl("wait", "pods", "--all", "-n", installed.home, "--for=delete", "--timeout=30s")
    assert "status" in installed.cluster.get("jr", name, namespace=installed.work)
    assert installed.cluster.get("jr", "hello", namespace=installed.work)["status"]["phase"] == "Succeeded"
    installed.helm("install", values=installed.values())  # the CRDs that it left are its own
    done = installed.history.ended(name, seconds=60)
    assert done["status"]["phase"] == "Succeeded", installed.history.summary()
    assert row(done, "first")["attempt"] == 1
