import pytest
from pydantic import ValidationError

from brood.api import labels, reasons
from brood.api.container import EnvVar
from brood.api.jobdefinition import JobDefinitionSpec, Param
from brood.api.jobrun import JobRunSpec, RunDefinitionRef
from brood.api.task import RetryPolicy, Task
from tests.unit.api.cases import CONTRACT

SPEC = JobDefinitionSpec.from_json(CONTRACT)


def test_defaults_are_those_of_the_contract() -> None:
    spec = JobDefinitionSpec.from_json({"tasks": [{"name": "a", "script": "x", "parallel": {"items": ["a"]}}]})
    assert (spec.suspend, spec.pod_retention, spec.history.successful, spec.history.failed) == (False, "Always", 10, 10)
    parallel = spec.tasks[0].parallel
    assert parallel is not None
    assert (parallel.max_concurrent, parallel.max_items, parallel.max_failures, parallel.fail_fast) == (
        8,
        1000,
        0,
        False,
    )
    retry = RetryPolicy()
    assert (retry.limit, retry.interval_seconds, retry.backoff_factor, retry.max_interval_seconds) == (0, 1, 1, None)
    run = JobRunSpec(definition_ref=RunDefinitionRef(name="a"))
    assert (run.priority, run.suspend, run.shutdown, run.params) == (0, False, None, {})


def test_what_was_not_said_is_told_from_what_was_said_as_the_default() -> None:
    assert RetryPolicy.from_json({"limit": 0}).to_json() == {"limit": 0}
    assert RetryPolicy.from_json({}).to_json() == {}
    assert Task.from_json({"name": "a", "infraRetries": None}).to_json() == {"name": "a"}


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SPEC.tasks[0].name = "other"  # type: ignore[misc] # that is the point


def test_manifests_are_read_in_camel_case_only() -> None:
    assert RetryPolicy(interval_seconds=3) == RetryPolicy.from_json({"intervalSeconds": 3})
    with pytest.raises(ValidationError):
        RetryPolicy.from_json({"interval_seconds": 3})


def test_values_keep_their_type() -> None:
    run = JobRunSpec.from_json({"definitionRef": {"name": "a"}, "params": {"A": 1, "B": "1", "C": ""}})
    assert [type(value) for value in run.params.values()] == [int, str, str]
    assert Param.from_json({"name": "A", "default": 0}).default == 0
    assert Param.from_json({"name": "A", "enum": [1, "1"]}).enum == (1, "1")


@pytest.mark.parametrize(
    ("value", "text"), [("x", "x"), (3, "3"), (1.5, "1.5"), (True, "true"), (False, "false"), (None, None), (0, "0")]
)
def test_p10_values_of_env_become_text_as_json_writes_it(value: str | float | None, text: str | None) -> None:
    assert EnvVar.from_json({"name": "A", "value": value}).text == text


def test_a_task_says_what_it_is() -> None:
    tasks = {task.name: task for task in SPEC.tasks}
    assert [name for name, task in tasks.items() if task.is_junction] == ["Done.all"]
    assert [name for name, task in tasks.items() if task.call] == ["each", "fork-all"]
    assert tasks["untouched"].is_container
    assert tasks["fork-await"].await_ is not None
    assert tasks["get-items"].routes == ("cleanup",)


def test_a_local_definition_is_found_by_name() -> None:
    local = SPEC.local("process_a")
    assert local is not None
    assert [task.name for task in local.tasks] == ["one", "two"]
    assert SPEC.local("validate") is None


CONTRACT_TASK_REASONS = """
ExitCode OOMKilled DeadlineExceeded PendingTimeout ImagePullFailed CreateContainerFailed Evicted Preempted NodeLost
PodDeleted PodForbidden OutputTooLarge OutputInvalid ArtifactMissing TemplateError InvalidPod ChildFailed ChildCancelled
NameConflict TooManyItems UpstreamFailed UpstreamSkipped NotRouted ConditionNotMet NoItems DefinitionNotFound
AmbiguousDefinition Interrupted Terminated
"""
CONTRACT_RUN_REASONS = """
Succeeded PartiallySucceeded TaskFailed DeadlineExceeded Interrupted Terminated Rejected Replaced InvalidParams
DefinitionNotFound AmbiguousDefinition DepthExceeded
"""


def test_the_reasons_are_those_of_the_contract() -> None:
    assert {str(reason) for reason in reasons.TaskReason} == set(CONTRACT_TASK_REASONS.split())
    assert {str(reason) for reason in reasons.RunReason} == set(CONTRACT_RUN_REASONS.split())


@pytest.mark.parametrize(
    "family",
    [reasons.TaskReason, reasons.RunReason, reasons.WaitingReason, reasons.DefinitionReason, reasons.ConditionType],
)
def test_every_reason_is_one_word_with_an_explanation(family: type[reasons.Reason]) -> None:
    for reason in family:
        assert reason.isalnum()
        assert reason.description.endswith(".")
        assert family.__members__[reason.name] is reason
        assert family._value2member_map_[str(reason)] is reason
        assert f"{reason}" == reason.value


def test_labels_are_all_brood_s_own() -> None:
    names = [
        labels.ROOT_RUN,
        labels.RUN,
        labels.TASK,
        labels.INDEX,
        labels.ATTEMPT,
        labels.DEFINITION,
        labels.RESULT_FINALIZER,
    ]
    assert [name.partition("/")[2] for name in names] == [
        "root-run",
        "run",
        "task",
        "index",
        "attempt",
        "definition",
        "result",
    ]
    assert {name.partition("/")[0] for name in names} == {"brood.dev"}
