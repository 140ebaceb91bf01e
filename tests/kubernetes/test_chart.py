"""The Helm chart: what it makes of values, that an API server takes it, and which values it refuses."""

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import typer
import yaml

from brood import __version__
from brood.cli.app import app
from tests.cluster.access import Cluster
from tests.cluster.places import PROJECT
from tests.kubernetes.arenas import Arena
from tests.kubernetes.charts import CHART, MANIFESTS, HelmError, Object, helm, manifests, render

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
EVERYTHING: Object = {
    "image": {"repository": "registry.example/brood", "digest": f"sha256:{'a' * 64}"},
    "imagePullSecrets": [{"name": "pull"}],
    "replicas": 2,
    "limits": {"maxRuns": 5, "maxPods": 2_000_000, "maxVolumes": 3, "maxDepth": 4, "definitionWaitSeconds": 0},
    "pools": {"gpu": 4_000_000, "db": 1},
    "podDefaults": {"metadata": {"annotations": {"as-it-is": "$(POD_NAME)"}}, "spec": {"hostNetwork": False}},
    "logLevel": "debug",
    "extraArgs": ["--workers=8"],
    "env": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
    "serviceAccount": {"annotations": {"team": "batch"}},
    "podAnnotations": {"note": "x"},
    "podLabels": {"team": "batch"},
    "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "batch", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "podDisruptionBudget": {"enabled": True},
    "networkPolicy": {
        "enabled": True,
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
        "egress": [{"to": [{"podSelector": {}}]}],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboard": {"enabled": True},
}
NAMESPACED: Object = {
    "watchNamespaces": ["team-a", "team-b"],
    "rbac": {"aggregate": False},
    "metrics": {"enabled": False},
}
VALUES = {"default": {}, "namespaced": NAMESPACED, "everything": EVERYTHING}
FORBIDDEN = {"*", "secrets", "impersonate", "escalate", "bind", "pods/exec", "nodes", "serviceaccounts/token"}


def only(objects: list[Object], kind: str) -> Object:
    (found,) = [one for one in objects if one["kind"] == kind]
    return found


def kinds(objects: list[Object]) -> set[str]:
    return {one["kind"] for one in objects}


def arguments(objects: list[Object]) -> list[str]:
    (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    words: list[str] = container["args"]
    return words


@pytest.fixture(scope="module")
def monitoring(kwok: Cluster) -> Iterator[Cluster]:
    """Give a cluster that knows the Prometheus operator's two kinds: those fields of them that the chart writes."""
    text = {"type": "string"}
    texts = {"type": "object", "additionalProperties": text}
    rule = {"alert": text, "expr": text, "for": text, "labels": texts, "annotations": texts}
    groups = listed({"name": text, "rules": listed(rule)})
    selector = {"type": "object", "properties": {"matchLabels": texts}}
    kinds = {"ServiceMonitor": {"selector": selector, "endpoints": listed({"port": text, "interval": text})}}
    made = [kind_of_prometheus(kind, spec) for kind, spec in (*kinds.items(), ("PrometheusRule", {"groups": groups}))]
    kwok.apply(made)
    for one in made:
        kwok.wait(f"crd/{one['metadata']['name']}", "condition=Established")
    yield kwok
    kwok.kubectl("delete", "crd", *(one["metadata"]["name"] for one in made))


def listed(properties: Object) -> Object:
    return {"type": "array", "items": {"type": "object", "properties": properties}}


def kind_of_prometheus(kind: str, spec: Object) -> Object:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": spec}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    plural = f"{kind.lower()}s"
    names = {"kind": kind, "plural": plural}
    group = "monitoring.coreos.com"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


# --- what it makes ---


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_helm_lint_finds_nothing(kwok: Cluster, values: Object) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART), values=values)


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_an_api_server_takes_everything_as_it_is(monitoring: Cluster, values: Object) -> None:
    with monitoring.namespace(labels=RESTRICTED) as home, monitoring.namespace() as work:
        watched = {"watchNamespaces": [home, work]} if "watchNamespaces" in values else {}
        objects = render(values={**values, **watched}, namespace=home)
        pod = only(objects, "Deployment")["spec"]["template"]
        pod["metadata"] |= {"name": "operator", "namespace": home}
        account = only(objects, "ServiceAccount")
        monitoring.apply(account, namespace=home)
        tried = yaml.safe_dump_all([*objects, {"apiVersion": "v1", "kind": "Pod", **pod}])
        words = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-")
        said = monitoring.kubectl(*words, input=tried)
    assert said.count("serverside-applied") == len(objects) + 1


def test_by_default_it_makes_what_is_needed_and_no_more(kwok: Cluster) -> None:
    objects = render()
    assert kinds(objects) == {
        "CustomResourceDefinition",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
        "Deployment",
        "Service",
    }
    (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"brood-operator:{__version__}"
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_namespaced_it_asks_for_nothing_outside_of_the_namespaces(kwok: Cluster) -> None:
    objects = render(values=NAMESPACED)
    assert not kinds(objects) & {"ClusterRole", "ClusterRoleBinding", "Service"}
    working = [one for one in objects if one["kind"] == "Role" and one["metadata"]["name"] == "brood"]
    assert [one["metadata"]["namespace"] for one in working] == ["team-a", "team-b"]
    everywhere = next(one for one in render() if one["kind"] == "ClusterRole" and one["metadata"]["name"] == "brood")
    assert all(one["rules"] == everywhere["rules"] for one in working)
    bindings = [one for one in objects if one["kind"] == "RoleBinding"]
    assert {one["subjects"][0]["namespace"] for one in bindings} == {"brood-system"}
    assert {"--namespace=team-a", "--namespace=team-b", "--metrics-port=0"} <= set(arguments(objects))


def test_everything_can_be_had(kwok: Cluster) -> None:
    objects = render(values=EVERYTHING)
    assert {"PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "PrometheusRule", "ConfigMap"} <= kinds(objects)
    spec = only(objects, "Deployment")["spec"]["template"]["spec"]
    for field in ("imagePullSecrets", "priorityClassName", "nodeSelector", "tolerations", "affinity"):
        assert spec[field] == EVERYTHING[field]
    assert spec["topologySpreadConstraints"] == EVERYTHING["topologySpreadConstraints"]
    assert spec["containers"][0]["image"] == f"registry.example/brood@sha256:{'a' * 64}"


def test_limits_pools_and_defaults_become_options_of_the_operator(kwok: Cluster) -> None:
    words = [word.replace("$$", "$") for word in arguments(render(values=EVERYTHING))]  # as the kubelet would
    command: Any = typer.main.get_command(app)
    given = command.commands[words[0]].make_context(words[0], words[1:]).params
    limits = [given[name] for name in ("max_runs", "max_pods", "max_volumes", "max_depth", "definition_wait")]
    assert limits == [5, 2_000_000, 3, 4, 0]
    assert sorted(given["pools"]) == ["db=1", "gpu=4000000"]
    assert json.loads(given["pod_defaults"]) == EVERYTHING["podDefaults"]
    assert (given["log_level"], given["workers"], given["lease_name"]) == ("debug", 8, "brood")


def test_crds_stay_at_an_uninstall_unless_somebody_says_otherwise(kwok: Cluster) -> None:
    def crds(**values: bool) -> list[Object]:
        return [one for one in render(values={"crds": values}) if one["kind"] == "CustomResourceDefinition"]

    kept = crds()
    assert {one["metadata"]["annotations"]["helm.sh/resource-policy"] for one in kept} == {"keep"}
    assert ["annotations" in one["metadata"] for one in crds(keep=False)] == [False, False]
    assert crds(enabled=False) == []
    files = [yaml.safe_load(path.read_text()) for path in sorted((PROJECT / "crds").glob("*.yaml"))]
    assert [one["spec"] for one in kept] == [one["spec"] for one in files]


# --- what it refuses ---


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"replica": 2}, "replica"),
        ({"limits": {"maxRun": 2}}, "maxRun"),
        ({"limits": {"maxRuns": 0}}, "maxRuns"),
        ({"limits": {"maxPods": "many"}}, "maxPods"),
        ({"pools": {"gpu": 0}}, "gpu"),
        ({"podDefaults": {"securityContext": {}}}, "securityContext"),
        ({"image": {"tga": "1"}}, "tga"),
        ({"image": {"digest": "abc"}}, "digest"),
        ({"watchNamespaces": "team-a"}, "watchNamespaces"),
        ({"serviceAccount": {"create": False}}, "serviceAccount/name"),
        ({"metrics": {"enabled": False}, "serviceMonitor": {"enabled": True}}, "needs metrics.enabled"),
        ({"resources": {"limit": {}}}, "limit"),
        ({"resources": {"limits": {"memroy": "1Gi"}}}, "memroy"),
        ({"podSecurityContext": {"runAsUsr": 1}}, "runAsUsr"),
        ({"securityContext": {"privilegd": True}}, "privilegd"),
        ({"env": [{"name": "A", "valu": "b"}]}, "valu"),
        ({"networkPolicy": {"egress": [{"tos": []}]}}, "tos"),
    ],
    ids=str,
)
def test_a_value_that_means_nothing_is_refused(kwok: Cluster, wrong: Object, said: str) -> None:
    with pytest.raises(HelmError, match=said):
        render(values=wrong)


def test_every_value_has_a_default_and_is_in_the_schema() -> None:
    def same(values: Any, schema: Object, path: str) -> None:
        if "properties" in schema and path != ".podDefaults":
            assert set(schema["properties"]) - {"global"} == set(values) | (
                {"claims"} if path == ".resources" else set()
            ), path
            for name, value in values.items():
                same(value, schema["properties"][name], f"{path}.{name}")

    schema = json.loads((CHART / "values.schema.json").read_text())
    same(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "")


def test_the_schema_names_the_fields_that_kubernetes_has(kwok: Cluster) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]
    policy = schema["networkPolicy"]["properties"]
    named = {
        "core.v1.LocalObjectReference": schema["imagePullSecrets"],
        "core.v1.EnvVar": schema["env"],
        "core.v1.Toleration": schema["tolerations"],
        "core.v1.Affinity": schema["affinity"],
        "core.v1.TopologySpreadConstraint": schema["topologySpreadConstraints"],
        "core.v1.PodSecurityContext": schema["podSecurityContext"],
        "core.v1.SecurityContext": schema["securityContext"],
        "core.v1.ResourceClaim": schema["resources"]["properties"]["claims"],
        "networking.v1.NetworkPolicyPeer": policy["metricsFrom"],
        "networking.v1.NetworkPolicyEgressRule": policy["egress"],
    }
    served: Object = {}
    for group in ("api/v1", "apis/networking.k8s.io/v1"):
        served |= json.loads(kwok.kubectl("get", "--raw", f"/openapi/v3/{group}"))["components"]["schemas"]
    for kind, ours in named.items():
        names = ours.get("items", ours)["propertyNames"]["enum"]
        assert {*names} == {*served[f"io.k8s.api.{kind}"]["properties"]}, kind


def test_the_chart_has_the_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_plain_manifests_are_what_the_chart_makes(kwok: Cluster) -> None:
    assert MANIFESTS.read_text() == manifests(), "run `make manifests`"
    whole = [*yaml.safe_load_all(kwok.kubectl("kustomize", str(PROJECT / "deploy")))]
    crds = [one for one in whole if one["kind"] == "CustomResourceDefinition"]
    assert (len(crds), only(whole, "Namespace")["metadata"]["labels"]) == (2, RESTRICTED)
    assert len(whole) == len(render()) + 1


# --- rights ---


def test_the_rights_hold_no_secrets_no_wildcards_and_nothing_else_to_hide(kwok: Cluster) -> None:
    for values in VALUES.values():
        for one in render(values=values):
            for rule in one.get("rules", []):
                assert not FORBIDDEN & {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}


def test_kubernetes_roles_cover_definitions_and_runs(kwok: Cluster) -> None:
    roles = render("--show-only=templates/aggregated-roles.yaml")
    with kwok.namespace() as namespace:
        kwok.apply(roles)
        for role in ("view", "edit", "admin"):
            kwok.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}", "-n", namespace)
        may = [
            ("view", "list", "jobruns.brood.dev"),
            ("edit", "create", "jobruns.brood.dev"),
            ("admin", "deletecollection", "jobdefinitions.brood.dev"),
            ("admin", "watch", "jobruns.brood.dev"),
        ]
        for user, verb, resource in may:
            kwok.kubectl(
                "wait", "clusterrole/view", "--for=jsonpath={.rules[?(@.apiGroups[0]=='brood.dev')].verbs[0]}=get"
            )
            assert can(kwok, user, verb, resource, namespace=namespace), (user, verb, resource)
        assert not can(kwok, "view", "create", "jobruns.brood.dev", namespace=namespace)
        assert not can(kwok, "admin", "patch", "jobruns.brood.dev/status", namespace=namespace)
        kwok.kubectl("delete", "clusterrole", *(one["metadata"]["name"] for one in roles))


def can(cluster: Cluster, user: str, verb: str, resource: str, *, namespace: str) -> bool:
    name, _, sub = resource.partition("/")
    words = ["auth", "can-i", verb, name, f"--as={user}", "-n", namespace, *([f"--subresource={sub}"] if sub else [])]
    return cluster.kubectl(*words, check=False).strip() == "yes"


# --- observability ---


def test_alerts_and_dashboard_ask_only_for_metrics_that_there_are(simulation: Arena) -> None:
    objects = render(values=EVERYTHING)
    groups = only(objects, "PrometheusRule")["spec"]["groups"]
    dashboard = json.loads(only(objects, "ConfigMap")["data"]["brood.json"])
    asked = [rule["expr"] for group in groups for rule in group["rules"]]
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    address = f"http://127.0.0.1:{simulation.operator.metrics_port}/metrics"
    with urllib.request.urlopen(address, timeout=5) as answer:
        served = set(re.findall(r"^# TYPE (\S+)", answer.read().decode(), re.MULTILINE))
    named = {name.removesuffix("_bucket") for text in asked for name in re.findall(r"(\w+)\{", text)}
    assert len(named) > 8
    assert named <= served
