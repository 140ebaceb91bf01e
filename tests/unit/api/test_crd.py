from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from brood.api.crd import CHART, SIZE_LIMIT, files, main

PROJECT = Path(__file__).parents[3]
NAMES = ("jobdefinitions.yaml", "jobruns.yaml")


def root(name: str) -> dict[str, Any]:
    """Return the schema in a generated file."""
    crd = yaml.safe_load(files()[name])
    schema: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema below one, with the path that leads to it; keys of maps and elements of lists are `*`."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from nodes(schema[inner], f"{path}.*")


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_described_in_at_most_160_characters(name: str) -> None:
    checked = 0
    for path, node in nodes(root(name)):
        if not path or path.endswith(".*") or path == ".metadata":
            continue
        checked += 1
        assert 0 < len(node.get("description", "")) <= 160, path
        assert not node["description"].endswith(" "), path
    assert checked > 50


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_structural(name: str) -> None:
    for path, node in nodes(root(name)):
        typed = (
            "type" in node or node.get("x-kubernetes-int-or-string") or node.get("x-kubernetes-preserve-unknown-fields")
        )
        assert typed, path
        assert not {"$ref", "$defs", "anyOf", "allOf", "title", "const", "nullable", "patternProperties"} & set(node), (
            path
        )
        assert not ("properties" in node and "additionalProperties" in node), path
        assert node.get("type") != "array" or "items" in node, path
        assert not ("maxLength" in node and node.get("type", "string") != "string"), path


@pytest.mark.parametrize("name", NAMES)
def test_only_what_core_v1_defines_and_items_are_open(name: str) -> None:
    opened = {
        path.rsplit(".", 1)[-1] for path, node in nodes(root(name)) if "x-kubernetes-preserve-unknown-fields" in node
    }
    items = {path for path, node in nodes(root(name)) if path.endswith(".parallel.items.*") and "type" not in node}
    expected = {"container", "podTemplate", "valueFrom", "value", "*"} if name == "jobdefinitions.yaml" else set()
    assert opened == expected
    assert len(items) == (2 if name == "jobdefinitions.yaml" else 0)


def test_the_schema_of_a_task_stands_twice() -> None:
    tasks = [path for path, node in nodes(root("jobdefinitions.yaml")) if "artifactsFrom" in node.get("properties", {})]
    assert tasks == [".spec.tasks.*", ".spec.definitions.*.tasks.*"]


@pytest.mark.parametrize("name", NAMES)
def test_named_lists_merge_by_name(name: str) -> None:
    wanted = {
        "jobdefinitions.yaml": {
            ".spec.tasks": ["name"],
            ".spec.params": ["name"],
            ".spec.definitions": ["name"],
            ".spec.definitions.*.tasks": ["name"],
            ".spec.definitions.*.params": ["name"],
            ".status.conditions": ["type"],
        },
        "jobruns.yaml": {".status.conditions": ["type"], ".status.tasks": ["name"], ".status.handlers": ["name"]},
    }
    found = {
        path: node["x-kubernetes-list-map-keys"]
        for path, node in nodes(root(name))
        if node.get("x-kubernetes-list-type") == "map"
    }
    assert found == wanted[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_fits_into_an_annotation(name: str) -> None:
    assert len(files()[name].encode()) <= SIZE_LIMIT <= 200 * 1024


@pytest.mark.parametrize(
    ("name", "kind", "short", "columns", "selectable"),
    [
        ("jobdefinitions.yaml", "JobDefinition", "jd", ["Ready", "Revision", "Active", "Age"], []),
        ("jobruns.yaml", "JobRun", "jr", ["Phase", "Progress", "Definition", "Age", "Message"], [".status.phase"]),
    ],
)
def test_what_kubectl_shows_of_the_resource(
    name: str, kind: str, short: str, columns: list[str], selectable: list[str]
) -> None:
    spec = yaml.safe_load(files()[name])["spec"]
    (version,) = spec["versions"]
    assert (spec["names"]["kind"], spec["names"]["shortNames"], spec["names"]["categories"]) == (
        kind,
        [short],
        ["brood"],
    )
    assert [column["name"] for column in version["additionalPrinterColumns"]] == columns
    assert [field["jsonPath"] for field in version.get("selectableFields", [])] == selectable
    assert version["subresources"] == {"status": {}}
    assert version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"] == {"observedGeneration": -1}


def test_the_committed_files_are_current() -> None:
    assert main(["--check", "--out", str(PROJECT / "crds"), "--chart", str(PROJECT / CHART)]) == 0


def test_a_file_that_is_not_current_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--out", str(tmp_path), "--chart", str(tmp_path / "chart")]
    assert main(words) == 0
    assert main(["--check", *words]) == 0
    (tmp_path / "jobruns.yaml").write_text("changed")
    (tmp_path / "jobdefinitions.yaml").unlink()
    (tmp_path / "chart/jobruns.yaml").write_text("changed")
    assert main(["--check", *words]) == 1
    said = capsys.readouterr().err
    assert "chart/jobruns.yaml" in said
    assert "jobruns.yaml" in said
    assert "jobdefinitions.yaml" in said
    assert (tmp_path / "jobruns.yaml").read_text() == "changed"
