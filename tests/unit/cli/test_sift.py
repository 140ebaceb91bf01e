"""What of files and directories `brood lint` looks at, and what it leaves to others."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from brood.cli.lint import Report, as_json, as_text, lint

OURS = """\
apiVersion: brood.dev/v1alpha1
kind: JobDefinition
metadata: {name: mine}
spec: {tasks: [{name: a}]}
"""
OTHERS = "apiVersion: v1\nkind: Secret\nmetadata: {name: database}\n"
KUSTOMIZATION = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"


def checked(tmp_path: Path, files: dict[str, str]) -> Report:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return lint([str(tmp_path)])


def test_a_directory_of_many_kinds_is_checked_for_ours_and_says_what_it_left_out(tmp_path: Path) -> None:
    values, chart = "image: {tag: x}\nimage: twice\n", "apiVersion: v2\nname: chart\n"
    template = "{{- if .Values.on }}\nkind: Role\n{{- end }}\n"
    report = checked(
        tmp_path,
        {
            "a.yaml": f"{OURS}---\n{OTHERS}",
            "chart.yaml": chart,
            "k.yaml": KUSTOMIZATION,
            "t.yaml": template,
            "values.yaml": values,
        },
    )
    assert (report.exit_code(strict=True), report.objects) == (0, 1)
    last = as_text(report).splitlines()[-1].replace(f"{tmp_path}/", "")
    assert last == (
        "1 object, nothing wrong; skipped what is not brood's: "
        "Secret database, chart.yaml, Kustomization in k.yaml, t.yaml, values.yaml"
    )
    assert '"skipped":' in as_json(report)


def test_an_unreadable_file_that_names_our_group_is_told(tmp_path: Path) -> None:
    report = checked(tmp_path, {"a.yaml": OURS, "b.yaml": "apiVersion: brood.dev/v1alpha1\nkind: [\n"})
    assert report.exit_code(strict=False) == 2
    assert "b.yaml" in as_text(report)


@pytest.mark.parametrize(
    "text", [OURS.replace("JobDefinition", "JobDefinitoin"), OURS.replace("brood.dev/v1alpha1", "brood/v1")]
)
def test_what_was_meant_to_be_ours_is_told(tmp_path: Path, text: str) -> None:
    report = checked(tmp_path, {"a.yaml": OURS, "b.yaml": text})
    assert report.exit_code(strict=False) == 1
    assert report.skipped == ""


@pytest.mark.parametrize("text", [KUSTOMIZATION, "replicas: 1\n"])
def test_a_file_that_is_named_and_holds_nothing_of_ours_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    report = lint([str(tmp_path / "a.yaml")])
    assert report.exit_code(strict=False) == 1
    assert "allowed: JobDefinition, JobRun" in as_text(report)


def test_a_directory_in_which_nothing_is_ours_says_so(tmp_path: Path) -> None:
    report = checked(tmp_path, {"a.yaml": KUSTOMIZATION})
    assert report.exit_code(strict=False) == 2
    assert "no JobDefinition and no JobRun in this directory; skipped" in as_text(report)


def test_a_stream_of_kustomize_is_checked_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(f"{OTHERS}---\n{OURS}".encode())))
    report = lint(["-"])
    assert (report.exit_code(strict=True), report.objects) == (0, 1)
    assert report.skipped.endswith("Secret database")
