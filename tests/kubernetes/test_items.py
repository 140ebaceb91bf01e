"""Parallel items on a real API server: on a real node where outputs matter, else on simulated ones."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.access import Cluster, KubectlError
from tests.kubernetes.arenas import Arena, arena, condition, definition, fresh, row, run, script, simulated
from tests.kubernetes.history import Object

HOSTILE = [
    "two words",
    'a"; touch /brood/work/x; "',
    "$(touch /brood/work/x)",
    "`touch /brood/work/x`",
    "$HOME $$ $(HOME) ${HOME} \\ ' \" {{ params.TEXT }}",
    "line\nnext\n",
    "größe 大きさ 🐣",
]
LONG = "ä" * 50_000  # 100 KB
COMMON = "$(HOME) $$ é" * 300  # in one ConfigMap for all items
DIGEST = 'printf %s "$1" | sha256sum; test ! -e /brood/work/x'
CHATTY = 'yes "line of $1" | head -n 4000'  # 40 KB at once, for the log, just before the end
RETRIED = 'test "$1" != 2 || test "$BROOD_ATTEMPT" = 2 || exit 7; test "$1" != 3 || exit 9'


def square(*, local: str = "square") -> Object:
    """Return a local definition that squares its first param."""
    text = 'test "$1" -ge 0; echo "CALC_RESULT=$(($1 * $1))" >> "$BROOD_OUTPUT"; echo $(($1 * $1))'
    return {"name": local, "params": [{"name": "VALUE"}], "tasks": [script("calc", text, output="CALC_RESULT")]}


def over(items: list[Any], **task: Any) -> Object:
    """Return a task that squares each of the items."""
    return {
        "name": "each",
        "run": {"definitionRef": {"name": "square"}},
        "parallel": {"items": items},
        "output": "RESULTS",
        **task,
    }


def many(items: list[Any] | str, **parallel: Any) -> Object:
    """Return a task with a simulated Pod for each item."""
    source = {"itemsFrom": items} if isinstance(items, str) else {"items": items}
    return simulated("each", parallel=source | parallel)


FORMS = {
    "json": ('printf \'["x", 2, {"KEY": "v"}]\'', ["x", "2", {"KEY": "v"}]),
    "lines": ("printf '%s\\n' 'my file.txt' '' ' other '", ["my file.txt", "other"]),
    "words": ("echo one two", ["one", "two"]),
}


def _listed(command: str) -> list[Object]:
    """Return a task that prints a list, and one with an item for each of its entries."""
    each = script("each", "true", parallel={"itemsFrom": "{{ outputs.LIST }}"}, output="RESULTS")
    return [script("list", command, output="LIST"), each]


def _scene() -> dict[str, list[Object]]:
    """Return the tasks of all definitions that are played on the real node."""
    policy = {"limit": 2, "exitCodes": [7], "intervalSeconds": 1}
    return {
        "squares": [over([3, 1, 2])],
        "mixed": [over([4, "x", 6, "y", 5], continueOn={"failure": True}), script("then", "true", dependsOn=["each"])],
        "retried": [script("each", RETRIED, parallel={"items": [1, 2, 3]}, retryPolicy=policy)],
        "chatty": [script("each", CHATTY, parallel={"items": [*range(8)]}, output="LINES")],
        "hostile": [script("each", DIGEST, parallel={"items": [*HOSTILE, LONG]}, output="SUM")],
        "common": [script("each", 'printf %s "$LIST" | sha256sum', parallel={"items": [1, 2]}, output="SUM")],
        **{form: _listed(command) for form, (command, _) in FORMS.items()},
    }


@pytest.fixture(scope="module")
def played(kube: Cluster) -> Iterator[Arena]:
    """Give a namespace on a real node in which all of that was applied at once."""
    with arena(kube) as made:
        scene = _scene()
        made.apply(*(definition(name, tasks, definitions=[square()]) for name, tasks in scene.items()))
        made.apply(*(run(name, name, params={"LIST": COMMON} if name == "common" else {}) for name in scene))
        yield made


def aggregate(played: Arena, name: str, output: str = "RESULTS") -> Any:
    """Return the aggregate of an ended run."""
    status = played.ended(name, seconds=120)["status"]
    if output in status.get("outputs", {}):
        return json.loads(status["outputs"][output])
    ref = status["outputRefs"][output]
    return json.loads(played.cluster.get("configmap", ref["configMap"], namespace=played.namespace)["data"][ref["key"]])


def test_d1_d2_each_item_has_a_child_with_its_own_param_of_the_local_definition(played: Arena) -> None:
    played.ended("squares")
    made = sorted(played.history.ever("jobruns", run="squares"), key=lambda one: one["spec"]["parentRef"]["index"])
    assert [one["spec"]["params"] for one in made] == [{"VALUE": "3"}, {"VALUE": "1"}, {"VALUE": "2"}]
    assert {one["spec"]["definitionRef"]["local"] for one in made} == {"square"}


def test_d8_the_aggregate_is_in_the_order_of_the_items(played: Arena) -> None:
    assert aggregate(played, "squares") == {
        "summary": {"total": 3, "succeeded": 3, "failed": 0, "cancelled": 0, "skipped": 0},
        "results": [
            {"parameters": str(value), "status": "success", "output": {"CALC_RESULT": str(value * value)}}
            for value in (3, 1, 2)
        ],
        "outputs": [{"CALC_RESULT": "9"}, {"CALC_RESULT": "1"}, {"CALC_RESULT": "4"}],
    }


@pytest.mark.parametrize("form", FORMS)
def test_d3_items_come_from_an_output(played: Arena, form: str) -> None:
    assert [one["parameters"] for one in aggregate(played, form)["results"]] == FORMS[form][1]


def test_d5_hostile_items_arrive_byte_exact_and_execute_nothing(played: Arena) -> None:
    found = aggregate(played, "hostile", "SUM")
    assert found["summary"]["succeeded"] == len(HOSTILE) + 1
    sums = [one["SUM"].split()[0] for one in found["outputs"]]
    assert sums == [hashlib.sha256(text.encode()).hexdigest() for text in (*HOSTILE, LONG)]


def test_outputs_written_to_the_log_all_at_once_come_back_whole(played: Arena) -> None:
    found = [one["LINES"].splitlines() for one in aggregate(played, "chatty", "LINES")["outputs"]]
    assert found == [[f"line of {index}"] * 4000 for index in range(8)]


def test_what_all_items_read_alike_is_stored_once_and_arrives_byte_exact(played: Arena) -> None:
    sums = [one["SUM"].split()[0] for one in aggregate(played, "common", "SUM")["outputs"]]
    assert sums == [hashlib.sha256(COMMON.encode()).hexdigest()] * 2
    env = [
        {one["name"]: one for one in pod["spec"]["containers"][0]["env"]}
        for pod in played.history.ever("pods", root_run="common")
        if pod["metadata"]["labels"]["brood.dev/task"] == "each"
    ]
    assert len(env) == 2
    assert len({one["LIST"]["valueFrom"]["configMapKeyRef"]["name"] for one in env}) == 1


def test_d12_successes_only_are_in_outputs_and_dependents_run(played: Arena) -> None:
    found = aggregate(played, "mixed")
    assert found["summary"] == {"total": 5, "succeeded": 3, "failed": 2, "cancelled": 0, "skipped": 0}
    assert [one["status"] for one in found["results"]] == ["success", "failed", "success", "failed", "success"]
    assert [one["CALC_RESULT"] for one in found["outputs"]] == ["16", "36", "25"]
    done = played.ended("mixed")
    assert done["status"]["phase"] == "PartiallySucceeded"
    assert row(done, "then")["phase"] == "Succeeded"


def test_d14_failed_items_alone_run_again_where_their_code_is_listed(played: Arena) -> None:
    done = played.ended("retried")
    assert done["status"]["phase"] == "Failed"
    assert (row(done, "each")["items"]["completedIndexes"], row(done, "each")["items"]["failedIndexes"]) == ("0-1", "2")
    made = [one["metadata"]["labels"]["brood.dev/index"] for one in played.history.ever("pods", root_run="retried")]
    assert sorted(made) == ["0", "1", "1", "2"]


def test_d2_a_duplicate_name_of_local_definitions_is_refused(kube: Cluster) -> None:
    with pytest.raises(KubectlError, match="definitions"):
        kube.apply(definition(fresh(), [over([1])], definitions=[square(), square()]))


def live_children(simulation: Arena, name: str) -> int:
    """Return how many unfinished children a run had at one event, at the most."""
    return simulation.history.most(
        "jobruns",
        lambda one: (
            one["spec"].get("parentRef", {}).get("name") == name and "completionTime" not in one.get("status", {})
        ),
    )


@pytest.fixture(scope="module")
def windows(simulation: Arena) -> dict[str, str]:
    """Give runs of 20 items with several windows, at work side by side."""
    items = [f"i{number}" for number in range(20)]
    window = {"3": {"maxConcurrent": 3}, "default": {}, "1": {"maxConcurrent": 1}}
    runs = {}
    for label, parallel in window.items():
        task = many(items if label != "1" else items[:6], **parallel)
        task["podTemplate"]["metadata"]["annotations"]["kwok.brood.dev/run-for"] = "150ms"
        runs[label] = simulation.run([task])
    return runs


@pytest.mark.parametrize(("label", "most"), [("3", 3), ("default", 8), ("1", 1)])
def test_d4_never_more_children_than_max_concurrent(
    simulation: Arena, windows: dict[str, str], label: str, most: int
) -> None:
    name = windows[label]
    assert simulation.ended(name)["status"]["phase"] == "Succeeded"
    assert live_children(simulation, name) == most
    if most == 1:
        events = [one.object["spec"] for one in simulation.history.events("jobruns") if one.type == "ADDED"]
        made = [spec["parentRef"]["index"] for spec in events if spec.get("parentRef", {}).get("name") == name]
        assert made == list(range(6))


def test_d17_1001_items_are_refused_in_the_pages_words_and_no_child_is_made(simulation: Arena) -> None:
    name = simulation.run([many("{{ params.LIST }}")], params={"LIST": " ".join(f"i{n}" for n in range(1001))})
    failed = simulation.ended(name)
    assert row(failed, "each")["reason"] == "TooManyItems"
    words = "parallel execution exceeds maximum limit: 1001 items (max: 1000)"
    assert words in row(failed, "each")["message"]
    assert words in condition(failed, "Succeeded")["message"]
    assert simulation.history.ever("jobruns", run=name) == []


def test_d18_equal_items_run_once(simulation: Arena) -> None:
    name = simulation.run([many(["a", "b", "a", "a"])])
    assert row(simulation.ended(name), "each")["items"]["total"] == 2
