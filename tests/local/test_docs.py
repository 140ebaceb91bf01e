"""What the docs tell a reader to do, done: files, commands, output. Pages for a cluster are followed in tests/kubernetes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from brood.cli.app import app
from tests.cluster.places import PROJECT
from tests.docs import PAGES, README, blocks, commands_of, follow, needs_cluster, pages


def name(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


def has(page: Path, language: str) -> bool:
    return any(one.language == language for one in blocks(page))


LOCAL = [README, *(page for page in pages() if has(page, "sh") and not needs_cluster(page))]


@pytest.mark.parametrize("page", LOCAL, ids=name)
def test_a_reader_who_follows_the_page_sees_what_it_says(page: Path, tmp_path: Path) -> None:
    directory = tmp_path / "reader"
    directory.mkdir()
    (directory / "examples").symlink_to(PROJECT / "examples")
    shutil.copytree(PROJECT / "docs", directory / "docs")
    follow(page, directory, {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}, cluster=False)


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", README.read_text(encoding="utf-8"))
    assert links
    assert [one for one in links if not (PROJECT / one).exists()] == []


def test_the_questions_that_metrics_answer_name_metrics_that_there_are() -> None:
    page = (PAGES / "how-to/monitor.md").read_text(encoding="utf-8")
    known = (PAGES / "reference/metrics.md").read_text(encoding="utf-8")
    named = re.findall(r"\b(?:brood|workqueue)_\w+|\bleader_election_\w+", page)
    assert len(named) > 7
    assert [one for one in named if f"`{re.sub('_(count|bucket|sum)$', '', one)}`" not in known] == []


def test_every_command_that_is_named_anywhere_in_the_docs_exists_with_its_options() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    named = [(page, words) for page in (README, *PAGES.rglob("*.md")) for words in commands_of(page)]
    wrong = []
    for page, (name, *words) in named:
        known = {option for one in getattr(commands.get(name), "params", ()) for option in one.opts}
        unknown = [one for one in words if one.startswith("-") and one.partition("=")[0] not in {*known, "-", "-h"}]
        if name not in commands or unknown:
            wrong.append(f"{page.name}: brood {name} {' '.join(unknown)}")
    assert len(named) > 100
    assert wrong == []


@pytest.mark.parametrize("page", [page for page in (*pages(), README) if has(page, "yaml")], ids=name)
def test_every_manifest_of_a_page_is_valid(page: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    for one in blocks(page):
        if one.language != "yaml" or one.title.startswith("wrong"):
            continue
        objects = [found for found in yaml.safe_load_all(one.text) if found]
        assert one.title or all("kind" in found for found in objects), f"line {one.line}: neither a file nor an object"
        if all(str(found.get("apiVersion")).startswith("brood.dev/") for found in objects):
            (ours / f"{one.line}.yaml").write_text(one.text)
    if any(ours.iterdir()):
        done = subprocess.run(
            [sys.executable, "-m", "brood", "lint", "--strict", str(ours)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
