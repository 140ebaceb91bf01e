"""What the items of a script with `parallel` find in their working directories: their child runs are made for one task alone."""

from pathlib import Path
from typing import Any

from brood.cluster.port import Kind
from tests import manifests
from tests.unit.controller.world import controlled, ended, local

COUNT = 'test -r one.txt && test -r two.txt && test -r made.1/leave/two.txt && test "$UP" = up && cat one.txt two.txt'


def leaves(name: str, content: str, file: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "script": f"printf '{content}' > {file}", "artifacts": {"paths": [file]}, **more}


async def test_items_see_files_and_outputs_of_tasks_children_and_items_before_them(tmp_path: Path) -> None:
    inner = {"name": "inner", "params": [{"name": "FILE"}], "tasks": [{"name": "leave"}]}
    inner["tasks"] = [{"name": "leave", "script": 'echo "$FILE" > "$FILE.txt"', "artifacts": {"paths": ["*.txt"]}}]
    call = {"definitionRef": {"name": "inner"}}
    tasks = [
        {**leaves("own", "own\n", "own.txt"), "output": "UP", "script": "echo own > own.txt; echo up"},
        {"name": "made", "run": call, "parallel": {"items": ["one", "two"]}},
        {"name": "forked", "fork": {**call, "params": {"FILE": "three"}}},
        {"name": "waited", "await": {"tasks": ["forked"]}},
        {
            "name": "each",
            "parallel": {"items": [1, 2, 3]},
            "artifactsFrom": ["own", "made", "waited"],
            "script": f"{COUNT} own.txt three.txt forked/leave/three.txt > all; wc -w < all",
            "output": "WORDS",
        },
    ]
    async with local(tmp_path) as cluster, controlled(cluster):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=tasks, definitions=[inner]))
        await cluster.create(Kind.JOB_RUN, manifests.run())
        run = await ended(cluster, "run-1")
    assert run["status"]["phase"] == "Succeeded", run["status"]["tasks"]
    assert run["status"]["outputs"]["WORDS"].count('{"WORDS":"5"}') == 6  # in results and in outputs
