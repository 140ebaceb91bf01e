"""`retryPolicy` and `infraRetries`: whether an attempt is followed by another, and when."""

from datetime import datetime, timedelta

from brood.api.task import RetryPolicy

INFRA_RETRIES = 3
"""Default of `infraRetries`."""

FORBIDDEN_TRIES = 5
"""Creates that admission may refuse (Pod Security, LimitRange, service account) before the task fails."""

_INFRA_CAP_SECONDS = 60


def may_retry(policy: RetryPolicy | None, *, failures: int, exit_code: int | None) -> bool:
    """Whether a task or item that failed ``failures`` times by its own fault is tried again.

    ``exit_code`` is that of the last failure, None where it has none (a time-out): those are retried unless `exitCodes` is given.
    """
    if policy is None or failures > policy.limit:
        return False
    return policy.exit_codes is None or (exit_code is not None and exit_code in policy.exit_codes)


def due(policy: RetryPolicy, *, failures: int, ended: datetime) -> datetime:
    """Return when the next attempt may start after the ``failures``-th failure."""
    seconds: float = policy.interval_seconds
    cap = policy.max_interval_seconds if policy.max_interval_seconds is not None else 10 * 365 * 86400
    for _ in range(failures - 1):
        seconds *= policy.backoff_factor
        if seconds >= cap or policy.backoff_factor == 1:
            break
    return ended + timedelta(seconds=min(seconds, cap))


def infra_due(*, retries: int, ended: datetime) -> datetime:
    """Return when an attempt that infrastructure cost is repeated: at once, then after 2, 4, 8 … seconds."""
    seconds = 0 if retries <= 1 else min(2 ** (retries - 1), _INFRA_CAP_SECONDS)
    return ended + timedelta(seconds=seconds)
