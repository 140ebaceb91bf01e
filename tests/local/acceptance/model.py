"""Which tasks run and how a run ends, computed from the words of the contract (§1.2, §2.1) and from nothing of brood's.

Tasks are in an order in which every edge leads from an earlier to a later one. There is no time in here: with fixed exit codes
the contract leaves nothing to timing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Step:
    """A task.

    ``codes`` are the exit codes of its Pod, its child or its items at the first attempt, ``then`` those at all later ones;
    ``partial`` children end as PartiallySucceeded.
    """

    name: str
    body: str  # junction pod script run fork await items fork-items
    codes: list[int] = field(default_factory=list)
    then: int = 0
    retries: int = 0
    retried: list[int] = field(default_factory=list)  # exit codes; empty: all
    partial: bool = False
    max_failures: int = 0
    depends_on: list[str] = field(default_factory=list)
    forks: list[str] = field(default_factory=list)
    on_succeeded: str | None = None
    on_failed: str | None = None
    on_exit_code: list[tuple[list[int], str]] = field(default_factory=list)
    when: tuple[str, str] | None = None  # a task, and the phase that it must have ended in
    continue_on: dict[str, Any] = field(default_factory=dict)

    @property
    def routes(self) -> set[str]:
        """Every task that it may route to."""
        return {one for one in (self.on_succeeded, self.on_failed, *(to for _, to in self.on_exit_code)) if one}

    @property
    def final(self) -> list[int]:
        """The exit code of each last attempt: retries are for failures with a listed code, as many as there are."""
        return [self._last(code, self.retries) for code in self.codes]

    def _last(self, code: int, left: int) -> int:
        again = code != 0 and left > 0 and (not self.retried or code in self.retried)
        return self._last(self.then, left - 1) if again else code


@dataclass(slots=True)
class End:
    """How a task ended."""

    phase: str
    reason: str = ""
    code: int | None = None
    passed: bool = False  # "Ended well"
    fired: str | None = None
    tolerated: bool = False  # items failed, but not too many


def expected(steps: Sequence[Step]) -> tuple[dict[str, End], str]:
    """Return how each task ends, and the run."""
    ends: dict[str, End] = {}
    by_name = {step.name: step for step in steps}
    for step in steps:
        end = ends[step.name] = _decide(step, steps, by_name, ends)
        _close(step, end)
    return ends, _result(steps, ends)


def _decide(step: Step, steps: Sequence[Step], by_name: Mapping[str, Step], ends: Mapping[str, End]) -> End:
    routers = [other.name for other in steps if step.name in other.routes]
    named = {*step.depends_on, *step.forks, *([step.when[0]] if step.when else [])}
    needed = [ends[name] for name in named if name not in routers]
    bad = [end for end in needed if not end.passed]
    if any(end.phase == "Failed" for end in bad):
        return End("Skipped", "UpstreamFailed")
    if bad:
        return End("Skipped", "UpstreamSkipped")
    if routers and not any(ends[name].fired == step.name for name in routers):
        return End("Skipped", "NotRouted")
    if step.when and ends[step.when[0]].phase != step.when[1]:
        return End("Skipped", "ConditionNotMet")
    return _body(step, by_name, ends)


def _body(step: Step, by_name: Mapping[str, Step], ends: Mapping[str, End]) -> End:
    if step.body == "fork-items" and not step.codes:
        return End("Skipped", "NoItems")
    if step.body in ("junction", "fork", "fork-items"):
        return End("Succeeded")
    if step.body == "await":
        children = [by_name[name] for name in step.forks if ends[name].phase == "Succeeded"]
        return End("Failed", "ChildFailed") if any(any(child.codes) for child in children) else End("Succeeded")
    failed = [code for code in step.final if code]
    if step.body == "items":
        if not step.codes:
            return End("Skipped", "NoItems")
        if len(failed) <= step.max_failures:
            return End("Succeeded", tolerated=bool(failed))
        return End("Failed", "ChildFailed", failed[0] if len(set(failed)) == 1 else None)
    if failed:
        return End("Failed", "ChildFailed" if step.body == "run" else "ExitCode", failed[0])
    return End("Succeeded", code=None if step.body == "run" else 0)


def _close(step: Step, end: End) -> None:
    """Say what the end means for those behind it."""
    rule = step.continue_on
    lets_pass = bool(rule.get("failure")) or (end.code is not None and end.code in rule.get("exitCodes", []))
    if end.phase == "Failed" and lets_pass and rule.get("markSuccess"):
        end.phase, end.reason = "Succeeded", ""
    if end.phase == "Failed":
        end.passed = lets_pass
    else:
        end.passed = end.phase == "Succeeded" or end.reason == "NoItems" or bool(rule.get("skipped"))
    if end.phase == "Skipped" and end.reason != "NoItems":
        return
    by_code = [to for codes, to in step.on_exit_code if end.code in codes]
    end.fired = by_code[0] if by_code else step.on_failed if end.phase == "Failed" else step.on_succeeded


def _result(steps: Sequence[Step], ends: Mapping[str, End]) -> str:
    partial = False
    for step in steps:
        end = ends[step.name]
        if end.phase == "Failed":
            handled = end.fired is not None and ends[end.fired].phase != "Skipped"
            if not (end.passed or handled):
                return "Failed"
            partial = partial or end.passed
        awaits = [
            ends[other.name] for other in steps if step.name in other.forks and ends[other.name].phase != "Skipped"
        ]
        if step.body.startswith("fork") and end.phase == "Succeeded" and not awaits and any(step.codes):
            return "Failed"
        counts = end.phase == "Succeeded" and (not awaits or any(one.phase == "Succeeded" for one in awaits))
        partial = partial or end.tolerated or (step.partial and counts)
    return "PartiallySucceeded" if partial else "Succeeded"
