"""The contract §1.1, §2.1 and §3 once more, written from its text alone: what becomes of a run that nobody disturbs.

It knows neither time nor Pods nor plans, and imports nothing of the engine. A definition's tasks must name only tasks before them (the
generator sees to that), so that one pass over the list is an evaluation.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.unit.engine.edges import CODED, STARTED, Json, Row, counting, decide, passes, same, unhandled

INFRA_RETRIES = 3


@dataclass(frozen=True)
class End:
    """How one attempt of a script ends: reason "" is success."""

    reason: str = ""
    code: int | None = 0
    infra: bool = False
    stdout: str | None = None


Ends = Callable[[str, str, int], End]
"""(path of the run, task, attempt) -> how that attempt ends."""


@dataclass
class Run:
    """What became of a run."""

    path: str
    rows: dict[str, Row] = field(default_factory=dict)
    phase: str = ""
    code: int | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    children: dict[str, dict[int | None, "Run"]] = field(default_factory=dict)  # task -> item -> last child
    fuzzy: bool = False  # items were dropped by failFast: which ones depends on time


class Reference:
    """Evaluates a definition."""

    def __init__(self, spec: Json, ends: Ends) -> None:
        self._spec = spec
        self._ends = ends
        self._local = {one["name"]: one for one in spec.get("definitions", ())}

    def run(self) -> Run:
        """Return what becomes of a root run."""
        return self._run(self._spec["tasks"], "run")

    def _run(self, tasks: list[Json], path: str) -> Run:
        run = Run(path)
        for task in tasks:
            verdict = decide(task, tasks, run.rows, lambda one=task: self.when(one, run, tasks))  # type: ignore[misc]
            if verdict == "start":
                row = self._body(task, run)
            elif verdict == "TemplateError":
                row = Row("Failed", verdict)
            else:
                row = Row("Skipped", verdict)
            if row.phase == "Failed" and task.get("continueOn", {}).get("markSuccess") and passes(task, row):
                row = Row("Succeeded", "", row.code, row.attempts, row.items, partial=row.partial)
            run.rows[task["name"]] = row
        self._judge(tasks, run)
        return run

    def when(self, task: Json, run: Run, tasks: list[Json]) -> str:
        """Evaluate the few forms of `when` that the generator makes."""
        text = task.get("when")
        if text in (None, "true", "false"):
            return text or "true"
        for other in tasks:
            row = run.rows.get(other["name"])
            if f"tasks['{other['name']}'].phase" in text:
                assert row is not None
                return "true" if row.phase == "Succeeded" else "false"
            if f"tasks['{other['name']}'].exitCode" in text:
                assert row is not None
                return "TemplateError" if row.code is None else "true" if row.code == 0 else "false"
            if other.get("output") and f"outputs.{other['output']} " in text:
                return "true" if other["output"] in run.outputs else "TemplateError"
        raise AssertionError(text)

    # --- bodies ---

    def _body(self, task: Json, run: Run) -> Row:
        if "parallel" in task:
            return self._parallel(task, run)
        if "script" in task:
            return self._script(task, run.path, run.outputs)
        if "run" in task:
            return self._call(task, run)
        if "fork" in task:
            run.children[task["name"]] = {None: self._child(task, run, None, 1)}
            return Row("Succeeded", attempts=1)
        if "await" in task:
            return self._await(task, run)
        return Row("Succeeded")

    def _script(self, task: Json, path: str, outputs: dict[str, str], *, retries: bool = True) -> Row:
        policy = task.get("retryPolicy", {}) if retries else {}
        attempt = failures = infra = 0
        while True:
            attempt += 1
            end = self._ends(path, task["name"], attempt)
            if end.infra and infra < task.get("infraRetries", INFRA_RETRIES):
                infra += 1
                continue
            failures += not end.infra and end.reason != ""
            code = end.code if end.reason in CODED else None
            if end.reason and not end.infra and self._again(policy, failures, code):
                continue
            if task.get("output") and (end.stdout is not None or not end.reason):
                outputs[task["output"]] = end.stdout or ""
            return Row("Failed" if end.reason else "Succeeded", end.reason, end.code, attempt)

    @staticmethod
    def _again(policy: Json, failures: int, code: int | None) -> bool:
        if failures > policy.get("limit", 0):
            return False
        return "exitCodes" not in policy or (code is not None and code in policy["exitCodes"])

    def _child(self, task: Json, run: Run, index: int | None, attempt: int) -> Run:
        path = f"{run.path}/{task['name']}{'' if index is None else f'[{index}]'}#{attempt}"
        if "script" in task:
            child = Run(path)
            child.rows[task["name"]] = self._script(task, path, child.outputs, retries=False)
            self._judge([{"name": task["name"]}], child)
            return child
        call = task.get("run") or task["fork"]
        return self._run(self._local[call["definitionRef"]["name"]]["tasks"], path)

    def _tried(self, task: Json, run: Run, index: int | None) -> tuple[Run, int]:
        """Return the last child, and how many there were."""
        attempt = 1
        while True:
            child = self._child(task, run, index, attempt)
            if child.phase != "Failed" or not self._again(task.get("retryPolicy", {}), attempt, child.code):
                return child, attempt
            attempt += 1

    def _call(self, task: Json, run: Run) -> Row:
        child, attempts = self._tried(task, run, None)
        run.children[task["name"]] = {None: child}
        run.fuzzy |= child.fuzzy
        if task.get("output"):
            run.outputs[task["output"]] = compact(dict(sorted(child.outputs.items())))
        if child.phase == "Failed":
            return Row("Failed", "ChildFailed", child.code, attempts)
        return Row("Succeeded", attempts=attempts, partial=child.phase == "PartiallySucceeded")

    def _await(self, task: Json, run: Run) -> Row:
        children = [child for fork in task["await"]["tasks"] for child in run.children.get(fork, {}).values()]
        run.fuzzy |= any(child.fuzzy for child in children)
        if any(child.phase == "Failed" for child in children):
            return Row("Failed", "ChildFailed")
        return Row("Succeeded", partial=any(child.phase == "PartiallySucceeded" for child in children))

    def _parallel(self, task: Json, run: Run) -> Row:
        rule = task["parallel"]
        items: dict[int, str] = {}
        for index, value in enumerate(rule["items"]):
            text = value if isinstance(value, str) else json.dumps(value)
            if text not in items.values():
                items[index] = text
        ended = {index: self._tried(task, run, index)[0] for index in items}
        children = ended
        run.children[task["name"]] = {index: child for index, child in ended.items()}  # noqa: C416 - another type of key
        run.fuzzy |= any(child.fuzzy for child in children.values())
        bad = [index for index, child in children.items() if child.phase == "Failed"]
        counts = {
            "total": len(items),
            "succeeded": len(items) - len(bad),
            "failed": len(bad),
            "cancelled": 0,
            "skipped": 0,
        }
        if task.get("output"):
            run.outputs[task["output"]] = aggregate(items, children, counts)
        if not items:
            return Row("Skipped", "NoItems", items=counts)
        if "fork" in task:
            return Row("Succeeded", items=counts)
        limit = rule.get("maxFailures", 0)
        allowed = limit if isinstance(limit, int) else len(items) * int(limit[:-1]) // 100
        partial = any(child.phase == "PartiallySucceeded" for child in children.values())
        if len(bad) <= allowed:
            return Row("Succeeded", items=counts, tolerated=bool(bad), partial=partial)
        run.fuzzy |= bool(rule.get("failFast"))
        code = None if rule.get("failFast") else same([children[index].code for index in bad])
        return Row("Failed", "ChildFailed", code, items=counts, partial=partial)

    # --- the result ---

    @staticmethod
    def _judge(tasks: list[Json], run: Run) -> None:
        awaited = {
            fork
            for task in tasks
            for fork in task.get("await", {}).get("tasks", ())
            if run.rows[task["name"]].phase in STARTED and run.rows[task["name"]].reason != "TemplateError"
        }
        direct = [
            child for task in tasks if "fork" in task and task["name"] not in awaited
            for child in run.children.get(task["name"], {}).values()
        ]  # fmt: skip
        failures = unhandled(tasks, run.rows)
        if failures or any(child.phase == "Failed" for child in direct):
            run.phase = "Failed"
            run.code = same([counting(run.rows[one]) for one in failures])
            return
        let_pass = any(run.rows[one["name"]].phase == "Failed" and passes(one, run.rows[one["name"]]) for one in tasks)
        counted = [row for row in run.rows.values() if row.phase == "Succeeded"]
        partial = any(row.tolerated or row.partial for row in counted)
        partial |= any(child.phase == "PartiallySucceeded" for child in direct)
        run.fuzzy |= any(child.fuzzy for child in direct)
        run.phase = "PartiallySucceeded" if let_pass or partial else "Succeeded"


def aggregate(items: Mapping[int, str], children: Mapping[int, Run], counts: Mapping[str, int]) -> str:
    """Return the JSON of §3."""
    results = [
        {
            "parameters": text,
            "status": "failed" if children[index].phase == "Failed" else "success",
            "output": dict(sorted(children[index].outputs.items())),
        }
        for index, text in items.items()
    ]
    outputs = [one["output"] for one in results if one["status"] == "success"]
    return compact({"summary": dict(counts), "results": results, "outputs": outputs})


def compact(value: object) -> str:
    """Return JSON without white space."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
