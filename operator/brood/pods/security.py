"""What the ``restricted`` Pod Security Standard asks for, where the user said nothing.

Contract §1.4: "What brood adds to a Pod fits the `restricted` Pod Security Standard, and it sets seccomp
RuntimeDefault, no privilege escalation, drop ALL where the user said nothing; `runAsNonRoot/runAsUser/fsGroup` come
from `podTemplate` or the chart's `podDefaults` only (alpine runs as root)."
"""

from collections.abc import Mapping
from typing import Any

_RUNTIME_DEFAULT = {"type": "RuntimeDefault"}


def secure_pod(context: Any) -> Any:
    """Return the securityContext of a Pod."""
    if context is None:
        return {"seccompProfile": _RUNTIME_DEFAULT}
    if not isinstance(context, Mapping):
        return context  # the API server says better what is wrong with it
    return {"seccompProfile": _RUNTIME_DEFAULT, **context}


def secure_container(context: Any) -> Any:
    """Return the securityContext of a container.

    A privileged container, and one with CAP_SYS_ADMIN, can always escalate: the API server refuses to be told
    otherwise.
    """
    if context is None:
        context = {}
    if not isinstance(context, Mapping) or context.get("privileged") is True:
        return context
    capabilities = context.get("capabilities")
    if capabilities is None:
        capabilities = {}
    if not isinstance(capabilities, Mapping):
        return context
    secured = {**context, "capabilities": {"drop": ["ALL"], **capabilities}}
    added = capabilities.get("add")
    if not isinstance(added, list) or not {"SYS_ADMIN", "CAP_SYS_ADMIN"} & {
        one for one in added if isinstance(one, str)
    }:
        secured.setdefault("allowPrivilegeEscalation", False)
    return secured
