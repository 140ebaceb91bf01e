"""What all tests share: how hypothesis runs, and which tests need a cluster."""

import os

import pytest
from hypothesis import HealthCheck, settings

CLUSTER_FIXTURES = {"kube", "kwok"}

# No deadline per example: the machine is shared. `HYPOTHESIS_PROFILE=thorough` is for a night.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a cluster, and keep it in one worker, so that each cluster is started once."""
    for item in items:
        used = CLUSTER_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if used:
            item.add_marker(pytest.mark.kubernetes)
            item.add_marker(pytest.mark.xdist_group("cluster"))
        if "kwok" in used:
            item.add_marker(pytest.mark.kwok)
