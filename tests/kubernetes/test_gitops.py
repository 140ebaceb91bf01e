"""The repositories of examples/gitops, applied as Argo CD and Flux apply them."""

import json

import pytest
import yaml

from tests.cluster.access import KubectlError
from tests.cluster.places import PROJECT
from tests.gitops import kstatus
from tests.kubernetes.arenas import Arena, run, script
from tests.kubernetes.history import Object

EXAMPLES = PROJECT / "examples/gitops"


def test_flux_applies_and_waits_and_a_new_version_is_a_new_run(real: Arena) -> None:
    text = real.cluster.kubectl("kustomize", str(EXAMPLES / "flux"))
    marks = {"kustomize.toolkit.fluxcd.io/name": "catalogue"}
    objects = list(yaml.safe_load_all(text))
    for one in objects:
        one["metadata"]["labels"] = marks
        if one["kind"] == "JobRun":
            one["spec"]["ttlSecondsAfterFinished"] = 0
    text = yaml.safe_dump_all(objects)
    words = ("apply", "--server-side", "--field-manager=kustomize-controller", "-f", "-")
    real.cluster.kubectl(*words, "-n", real.namespace, input=text)
    done = real.ended("upgrade-v42")
    assert kstatus(done) == "Current"
    real.cluster.kubectl(*words, "-n", real.namespace, input=text)  # the next interval: nothing changes
    assert [one["metadata"]["uid"] for one in runs(real, "upgrade")] == [done["metadata"]["uid"]], (
        "a TTL would undo Git"
    )
    made = [one for one in objects if one["kind"] == "JobRun"]
    made[0]["spec"]["params"]["TO"] = "v43"
    with pytest.raises(KubectlError, match="params is immutable"):
        real.cluster.kubectl(*words, "-n", real.namespace, input=yaml.safe_dump_all(made))
    made[0]["metadata"]["name"] = "upgrade-v43"
    real.cluster.kubectl(*words, "-n", real.namespace, input=yaml.safe_dump_all(made))
    assert real.ended("upgrade-v43")["status"]["phase"] == "Succeeded"


def test_a_commit_makes_a_run_and_a_change_of_labels_makes_none(real: Arena) -> None:
    text = real.cluster.kubectl("kustomize", str(EXAMPLES / "app"))
    for number, change in enumerate(("2026-11", "2026-12", "2027-01"), start=1):
        real.apply(text.replace("2026-11", change))
        real.history.until(lambda: len(runs(real, "load-catalogue")) >= number, "a run of the revision")  # noqa: B023
        real.kubectl("label", "jd", "load-catalogue", f"change={number}", "--overwrite")
    assert len(runs(real, "load-catalogue")) == 3


def test_an_argo_cd_hook_is_a_run_per_sync(real: Arena) -> None:
    for sync in (1, 2):
        real.apply(EXAMPLES / "argocd/hooks/migrate.yaml")
        made = real.kubectl("create", "-o", "name", "-f", str(EXAMPLES / "argocd/hooks/migrate-run.yaml")).strip()
        real.kubectl("wait", "--for=condition=Succeeded", made, "--timeout=60s")
        assert len(runs(real, "migrate")) == sync


def test_a_run_that_argo_cd_tracks_by_label_outlives_its_ttl(real: Arena) -> None:
    name = real.run([script("quick", "true")], ttlSecondsAfterFinished=0)
    tracked, plain = (run(f"{name}-{word}", name) for word in ("tracked", "plain"))
    for one in (tracked, plain):
        one["metadata"]["labels"] = {"app.kubernetes.io/instance": "catalogue"}
    words = ("apply", "-n", real.namespace, "-f", "-")
    real.cluster.kubectl(*words, "--field-manager=argocd-controller", input=json.dumps(tracked))
    real.ended(tracked["metadata"]["name"])
    real.cluster.kubectl(*words, input=json.dumps(plain))
    for gone in (name, plain["metadata"]["name"]):
        real.kubectl("wait", f"jr/{gone}", "--for=delete", "--timeout=60s")
    assert [one["metadata"]["name"] for one in runs(real, name)] == [tracked["metadata"]["name"]]


def runs(real: Arena, of: str) -> list[Object]:
    every = real.cluster.list("jobruns", namespace=real.namespace)
    return [one for one in every if one["spec"]["definitionRef"].get("name") == of]
