"""One operator for all namespaces, with the rights of the chart; namespaces come and go meanwhile."""

from tests.cluster.access import Cluster
from tests.kubernetes.arenas import definition, fresh, run, simulated
from tests.kubernetes.history import watching
from tests.kubernetes.operators import operator


def test_namespaces_come_and_go_while_one_operator_serves_them_all(kwok: Cluster) -> None:
    """A namespace that is deleted during a run takes everything along, and nothing is made in it any more."""
    name = fresh()
    quick = [definition(name, [simulated("main")]), run(name, name)]
    long = [
        definition(name, [simulated("first", seconds=60), simulated("second", dependsOn=["first"])]),
        run(name, name),
    ]
    with kwok.namespace() as home, operator(kwok, home=home) as one:
        with kwok.namespace() as goes, watching(kwok, goes) as doomed:
            kwok.apply(long, namespace=goes)
            doomed.until(lambda: [pod for pod in doomed.ever("pods") if pod["status"]["phase"] == "Running"], "a Pod")
            kwok.kubectl("delete", "namespace", goes, "--wait=false")
            with kwok.namespace() as comes, watching(kwok, comes) as history:
                kwok.apply(quick, namespace=comes)
                assert history.ended(name)["status"]["phase"] == "Succeeded"
            kwok.wait(f"namespace/{goes}", "delete", seconds=40)
            assert len(doomed.ever("pods")) == 1
        assert (one.probe("readyz"), one.probe("healthz")) == (200, 200)
