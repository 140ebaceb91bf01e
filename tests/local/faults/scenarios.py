"""The scenarios that are played under faults, each small, together most of what the contract says."""

from typing import Final

from tests.local.faults.graphs import GRAPHS
from tests.local.faults.play import Scenario
from tests.local.faults.steered import STEERED

SCENARIOS: Final[tuple[Scenario, ...]] = (*GRAPHS, *STEERED)
