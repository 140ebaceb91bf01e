"""Random definitions: graphs with every kind of edge and body, small enough that a thousand of them run in a minute.

A task names only tasks before it in the list, so there is no cycle; a local definition calls only those after it.
"""

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
CODES = [1, 3, 137]


def definitions(*, tasks: int = 7, locals_: int = 2, fail_fast: bool = True) -> st.SearchStrategy[Json]:
    """Return specs of JobDefinitions."""
    return _definitions(tasks, locals_, fail_fast)


@st.composite
def _definitions(draw: st.DrawFn, tasks: int, locals_: int, fail_fast: bool) -> Json:  # noqa: FBT001
    count = draw(st.sampled_from([locals_, *range(locals_ + 1)]))
    names = [f"local{at}" for at in range(count)]
    found = []
    for at, name in enumerate(names):
        graph = draw(_graph(3, names[at + 1 :], fail_fast))
        found.append({"name": name, **graph})
    spec: Json = draw(_graph(tasks, names, fail_fast))
    if found:
        spec["definitions"] = found
    if draw(st.booleans()):
        spec["handlers"] = {name: {"script": "x"} for name in draw(st.sets(st.sampled_from(HANDLERS)))}
    return spec


HANDLERS = ["onSuccess", "onFailure", "onCancel", "onExit"]


@st.composite
def _graph(draw: st.DrawFn, most: int, callees: list[str], fail_fast: bool) -> Json:  # noqa: FBT001
    count = draw(st.integers(1, most) | st.integers(most // 2 + 1, most))
    tasks: list[Json] = []
    for at in range(count):
        task: Json = {"name": f"t{at}"}
        task.update(draw(_body(tasks, callees, fail_fast)))
        if draw(st.booleans()) and ("script" in task or "run" in task):
            task["output"] = f"O{at}"
        task.update(draw(_edges(tasks, at, count)))
        tasks.append(task)
    spec: Json = {"tasks": tasks}
    limit = draw(st.sampled_from([None, None, 1, 2, 3]))
    if limit is not None:
        spec["maxActiveTasks"] = limit
    return spec


@st.composite
def _body(draw: st.DrawFn, before: list[Json], callees: list[str], fail_fast: bool) -> Json:  # noqa: FBT001
    forks = [one["name"] for one in before if "fork" in one]
    kinds = ["script", "script", "junction"]
    kinds += ["run", "fork", "fork"] if callees else []
    kinds += ["await"] * 4 if forks else []
    kind = draw(st.sampled_from(kinds))
    if kind == "junction":
        return {}
    if kind == "await":
        return {"await": {"tasks": sorted(draw(st.sets(st.sampled_from(forks), min_size=1, max_size=2)))}}
    body: Json = {"script": "x"}
    if kind != "script":
        body = {kind: {"definitionRef": {"name": draw(st.sampled_from(callees))}}}
    if draw(st.integers(0, 3)) == 0:
        body["parallel"] = draw(_parallel(fork=kind == "fork", fail_fast=fail_fast))
    if kind != "fork" and draw(st.booleans()):
        body["retryPolicy"] = draw(_retry())
    if kind == "script" and draw(st.booleans()):
        body["infraRetries"] = draw(st.integers(0, 2))
    return body


@st.composite
def _parallel(draw: st.DrawFn, *, fork: bool, fail_fast: bool) -> Json:
    rule: Json = {
        "items": draw(st.lists(st.sampled_from(["a", "b", "c", 1, "1"]), min_size=1, max_size=4) | st.just([])),
        "maxConcurrent": draw(st.integers(1, 3)),
    }
    if not fork:
        rule["maxFailures"] = draw(st.sampled_from([0, 0, 1, "50%"]))
        rule["failFast"] = draw(st.booleans()) if fail_fast else False
    return rule


@st.composite
def _retry(draw: st.DrawFn) -> Json:
    policy: Json = {
        "limit": draw(st.integers(0, 2)),
        "intervalSeconds": draw(st.integers(0, 5)),
        "backoffFactor": draw(st.integers(1, 3)),
    }
    if draw(st.integers(0, 2)) == 0:
        policy["exitCodes"] = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=2, unique=True))
    return policy


@st.composite
def _edges(draw: st.DrawFn, before: list[Json], at: int, count: int) -> Json:
    fields: Json = {}
    names = [one["name"] for one in before]
    after = [f"t{one}" for one in range(at + 1, count)]
    if draw(st.booleans()) and names:
        fields["dependsOn"] = sorted(draw(st.sets(st.sampled_from(names), min_size=1, max_size=2)))
    if after:
        for route in ("onSucceeded", "onFailed"):
            if draw(st.integers(0, 4)) == 0:
                fields[route] = draw(st.sampled_from(after))
        if draw(st.integers(0, 3)) == 0:
            codes = draw(st.lists(st.sampled_from([0, *CODES]), min_size=1, max_size=2, unique=True))
            fields["onExitCode"] = [{"codes": codes, "task": draw(st.sampled_from(after))}]
    when = draw(_when(before))
    if when is not None:
        fields["when"] = when
    if draw(st.integers(0, 2)) == 0:
        fields["continueOn"] = draw(_continue_on())
    return fields


@st.composite
def _when(draw: st.DrawFn, before: list[Json]) -> str | None:
    forms = ["true", "true", "false"]
    forms += [f"{{{{ tasks['{one['name']}'].phase == 'Succeeded' }}}}" for one in before]
    forms += [f"{{{{ tasks['{one['name']}'].exitCode == 0 }}}}" for one in before]
    forms += [f"{{{{ outputs.{one['output']} | length >= 0 }}}}" for one in before if one.get("output")]
    return draw(st.sampled_from(forms)) if draw(st.integers(0, 3)) == 0 else None


@st.composite
def _continue_on(draw: st.DrawFn) -> Json:
    rule: Json = {}
    for name in ("failure", "skipped"):
        if draw(st.booleans()):
            rule[name] = True
    if draw(st.booleans()):
        rule["exitCodes"] = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=2, unique=True))
    if ("failure" in rule or "exitCodes" in rule) and draw(st.booleans()):
        rule["markSuccess"] = True
    return rule
