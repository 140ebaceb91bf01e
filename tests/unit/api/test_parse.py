import pytest
import yaml

from brood.api.jobdefinition import JobDefinition
from brood.api.parse import InvalidManifest, parse_manifest
from tests.unit.api.cases import BAD, CONTRACT, GOOD, Bad, Good, manifest


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.id)
def test_a_good_manifest_is_read_and_written_back_as_it_was(case: Good) -> None:
    given = manifest(case.kind, case.spec)
    read = parse_manifest(given)
    assert read.kind == case.kind
    assert read.spec.to_json() == without_nulls(given["spec"])
    assert type(read.spec).from_json(read.spec.to_json()) == read.spec


def without_nulls(value: object) -> object:
    """Drop what is null in objects, as the API server does; lists keep theirs."""
    match value:
        case dict():
            return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
        case list():
            return [without_nulls(inner) for inner in value]
        case _:
            return value


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.id)
def test_a_bad_manifest_is_refused_naming_field_and_cause(case: Bad) -> None:
    with pytest.raises(InvalidManifest) as refused:
        parse_manifest(manifest(case.kind, case.spec))
    assert len(refused.value.problems) == 1
    (problem,) = refused.value.problems
    assert problem.path == case.path
    assert case.says in problem.message
    assert str(refused.value) == f"{case.kind} 'case': {case.path}: {problem.message}"


def test_d2_a_duplicate_name_of_a_local_definition_is_refused_and_one_used_twice_is_not() -> None:
    call = {"definitionRef": {"name": "local"}}
    local = {"name": "local", "tasks": [{"name": "a"}]}
    spec = {"tasks": [{"name": "a", "run": call}, {"name": "b", "run": call}], "definitions": [local]}
    assert parse_manifest(manifest("JobDefinition", spec)).kind == "JobDefinition"
    with pytest.raises(InvalidManifest, match=r"spec.definitions\[1\].name: two local definitions are named 'local'"):
        parse_manifest(manifest("JobDefinition", spec | {"definitions": [local, local]}))


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(InvalidManifest) as refused:
        parse_manifest(manifest("JobDefinition", "tasks: [{name: a b, script: 3}, {nam: b}]"))
    assert [problem.path for problem in refused.value.problems] == [
        "spec.tasks[0].name",
        "spec.tasks[0].script",
        "spec.tasks[1].name",
        "spec.tasks[1].nam",
    ]


@pytest.mark.parametrize(
    ("obj", "path", "says"),
    [
        ({"apiVersion": "v1", "kind": "JobRun"}, "apiVersion", "must be brood.dev/v1alpha1, not 'v1'"),
        ({"apiVersion": "brood.dev/v1alpha1", "kind": "Job"}, "kind", "must be JobDefinition or JobRun, not 'Job'"),
        ({"apiVersion": "brood.dev/v1alpha1"}, "kind", "not None"),
        (manifest("JobDefinition", "tasks: [{name: a}]", name="A_b"), "metadata.name", "lower-case"),
        (manifest("JobDefinition", "tasks: [{name: a}]", name="a" * 64), "metadata.name", "63"),
        (manifest("JobDefinition", "tasks: [{name: a}]") | {"metadata": {}}, "metadata.name", "required"),
        (
            manifest("JobDefinition", "tasks: [{name: a}]") | {"metadata": {"nmae": "a"}},
            "metadata.nmae",
            "did you mean 'name'?",
        ),
        (manifest("JobDefinition", "tasks: [{name: a}]") | {"specs": {}}, "specs", "did you mean 'spec'?"),
        (
            manifest("JobRun", {"definitionRef": {"name": "a"}, "params": {False: 3}}),
            "spec.params",
            "the key false is no string",
        ),
        (manifest("JobRun", yaml.safe_load("{definitionRef: {name: a}, on: 3}")), "spec", "the key true is no string"),
        ([], "", "a manifest is an object"),
        (manifest("JobRun", "3"), "spec", "must be an object"),
    ],
)
def test_what_is_around_the_spec_is_checked_as_well(obj: object, path: str, says: str) -> None:
    with pytest.raises(InvalidManifest) as refused:
        parse_manifest(obj)
    assert refused.value.problems[0].path == path
    assert says in refused.value.problems[0].message


def test_a_run_may_leave_its_name_to_the_server() -> None:
    given = manifest("JobRun", "definitionRef: {name: a}") | {"metadata": {"generateName": "a-"}}
    assert parse_manifest(given).metadata.name is None


def test_an_object_read_back_from_the_server_is_a_manifest_too() -> None:
    given = manifest("JobDefinition", CONTRACT)
    given["metadata"] |= {
        "uid": "u",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{"manager": "kubectl", "operation": "Update"}],
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "u"}],
    }
    given["status"] = {"observedGeneration": -1}
    read = parse_manifest(given)
    assert isinstance(read, JobDefinition)
    assert read.status.observed_generation == -1
    assert read.metadata.uid == "u"


def test_braces_in_a_message_stay_what_they_are() -> None:
    with pytest.raises(InvalidManifest, match=r"\{\{ x \}\}"):
        parse_manifest(manifest("JobDefinition", "tasks: [{name: a, script: x, container: {name: '{{ x }}'}}]"))


@pytest.mark.parametrize(
    ("path", "spec", "longest"),
    [
        ("spec.params.A", "{definitionRef: {name: a}, params: {A: $}}", 256 * 1024),
        ("spec.env[0].value", "{tasks: [{name: a}], env: [{name: A, value: $}]}", 256 * 1024),
        ("spec.tasks[0].script", "tasks: [{name: a, script: $}]", 64 * 1024),
        ("spec.tasks[0].when", "tasks: [{name: a, when: $}]", 4096),
    ],
)
def test_texts_have_a_longest_length(path: str, spec: str, longest: int) -> None:
    kind = "JobRun" if "definitionRef" in spec else "JobDefinition"
    assert parse_manifest(manifest(kind, spec.replace("$", "x" * longest))).kind == kind
    with pytest.raises(InvalidManifest) as refused:
        parse_manifest(manifest(kind, spec.replace("$", "x" * (longest + 1))))
    assert refused.value.problems[0].path == path
    assert str(longest) in refused.value.problems[0].message


def test_a_script_of_other_characters_is_counted_in_bytes() -> None:
    assert parse_manifest(manifest("JobDefinition", f"tasks: [{{name: a, script: {'ü' * 32768}}}]")).kind
    with pytest.raises(InvalidManifest, match="65538"):
        parse_manifest(manifest("JobDefinition", f"tasks: [{{name: a, script: {'ü' * 32769}}}]"))
