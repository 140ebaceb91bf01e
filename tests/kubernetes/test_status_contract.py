"""What waits for runs and definitions on a real API server: `kubectl wait`, and kstatus by its generations."""

from tests.cluster.access import Cluster
from tests.gitops import flux, kstatus
from tests.kubernetes.arenas import Arena, definition, fresh, run, simulated


def test_kubectl_wait_tells_a_success_from_a_failure(simulation: Arena) -> None:
    good, bad = simulation.run([simulated("a")]), simulation.run([simulated("a", code=3)])
    simulation.kubectl("wait", "--for=condition=Succeeded", f"jr/{good}", "--timeout=60s")
    simulation.kubectl("wait", "--for=condition=Succeeded=False", f"jr/{bad}", "--timeout=60s")
    simulation.kubectl("wait", "--for=jsonpath={.status.phase}=Failed", f"jr/{bad}", "--timeout=60s")
    refused = simulation.kubectl("wait", "--for=condition=Succeeded", f"jr/{bad}", "--timeout=1s", check=False)
    assert "timed out" in refused


def test_kubectl_wait_knows_whether_a_definition_can_be_run(simulation: Arena) -> None:
    name = fresh()
    simulation.apply(definition(name, [simulated("a", when="{{ nope }}")]))
    simulation.kubectl("wait", "--for=condition=Stalled", f"jd/{name}", "--timeout=60s")
    simulation.apply(definition(name, [simulated("a")]))
    simulation.kubectl("wait", "--for=condition=Ready", f"jd/{name}", "--timeout=60s")


def test_nothing_is_current_before_an_operator_has_seen_it(kwok: Cluster) -> None:
    with kwok.namespace() as namespace:
        for kind, manifest in (("jd", definition("a", [simulated("a")])), ("jr", run("a", "a"))):
            kwok.apply(manifest, namespace=namespace)
            found = kwok.get(kind, "a", namespace=namespace)
            assert (kstatus(found), flux(found)) == ("InProgress", "InProgress")


def test_a_run_that_is_edited_after_its_end_stays_current(simulation: Arena) -> None:
    name = simulation.run([simulated("a")])
    simulation.ended(name)
    simulation.kubectl("patch", "jr", name, "--type=merge", "-p", '{"spec":{"ttlSecondsAfterFinished":600}}')
    simulation.kubectl("wait", "--for=jsonpath={.status.observedGeneration}=2", f"jr/{name}", "--timeout=60s")
    assert kstatus(simulation.cluster.get("jr", name, namespace=simulation.namespace)) == "Current"
