"""What each scenario costs: plans, and writes by kind. `writes.json` is the budget; nothing may cost more unnoticed."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from tests.local.faults.clock import run
from tests.local.faults.play import Life, Scenario, play
from tests.local.faults.scenarios import SCENARIOS

BUDGET = Path(__file__).parent / "writes.json"
ACCEPT = "BROOD_ACCEPT_WRITES=1 python -m pytest tests/local/faults/test_writes.py"


def _cost(scenario: Scenario, directory: Path) -> dict[str, int]:
    life: Life = run(play(scenario, directory))
    writes = Counter(f"{write.verb} {write.kind}" for write in life.writes)
    return {"plans": life.plans, "writes": len(life.writes), **dict(sorted(writes.items()))}


def test_nothing_costs_more_plans_or_writes_than_it_did(tmp_path: Path) -> None:
    found = {one.name: _cost(one, tmp_path) for one in SCENARIOS}
    if os.environ.get("BROOD_ACCEPT_WRITES"):
        BUDGET.write_text(json.dumps(found, indent=1) + "\n")
    budget: dict[str, Any] = json.loads(BUDGET.read_text())
    more = [
        f"{name}: {what}: {count}, not {budget.get(name, {}).get(what, 0)}"
        for name, costs in found.items()
        for what, count in costs.items()
        if count > budget.get(name, {}).get(what, 0)
    ]
    assert not more, "\n".join([*more, f"if that is worth it, accept it and commit the table: {ACCEPT}"])
    assert found.keys() == budget.keys(), f"the table is not of these scenarios: {ACCEPT}"
