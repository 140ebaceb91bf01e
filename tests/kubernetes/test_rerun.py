"""`rerunOf` on a real node: the volume of a run that is gone serves the reruns, and goes with the last of them."""

from tests.kubernetes.arenas import Arena, fresh, row, run, script
from tests.kubernetes.history import Object


def test_a_rerun_reads_the_files_of_a_run_that_is_gone(real: Arena) -> None:
    first, second, third = (fresh(word) for word in ("first", "second", "third"))
    item = script(
        "do", f'test "$WHAT$BROOD_ROOT" != b{first}; echo "$WHAT" > "$WHAT.txt"', artifacts={"paths": ["*.txt"]}
    )
    child = {"name": "item", "params": [{"name": "WHAT"}], "tasks": [item]}
    tasks: list[Object] = [
        script("make", "head -c 50000 /dev/zero > big; head -c 3000 /dev/zero | tr '\\0' x", artifacts={"paths": ["big"]}, output="LONG"),
        {"name": "each", "run": {"definitionRef": {"name": "item"}}, "parallel": {"items": ["a", "b"]}},
        script("use", f'test "$BROOD_ROOT" != {second}; cat each.*/do/*.txt; wc -c < big; echo "${{#LONG}}"', artifactsFrom=["make", "each"], output="USED"),
    ]  # fmt: skip
    real.run(tasks, name=first, definitions=[child])
    assert real.ended(first)["status"]["phase"] == "Failed"
    real.apply(run(second, first, rerunOf={"name": first}))
    again = real.ended(second)
    assert row(again, "use")["phase"] == "Failed"
    assert _ran(real, second) == ["do", "use"]
    claim = again["status"]["artifacts"]["claimName"]
    real.kubectl("delete", "jobrun", first, "--cascade=foreground", "--timeout=60s")
    real.apply(run(third, first, rerunOf={"name": second}))
    done = real.ended(third)
    assert (done["status"]["phase"], _ran(real, third)) == ("Succeeded", ["use"])
    assert done["status"]["outputs"]["USED"].split() == ["a", "b", "50000", "3000"]
    owners = real.cluster.get("pvc", claim, namespace=real.namespace)["metadata"]["ownerReferences"]
    assert sorted(one["name"] for one in owners) == sorted([second, third])
    real.kubectl("delete", "jobrun", second, third, "--timeout=60s")
    real.kubectl("wait", "--for=delete", f"pvc/{claim}", "--timeout=60s")
    assert real.denied() == []


def _ran(real: Arena, root: str) -> list[str]:
    """Return the tasks that had a Pod in a tree."""
    return sorted(one["metadata"]["labels"]["brood.dev/task"] for one in real.history.ever("pods", root_run=root))
