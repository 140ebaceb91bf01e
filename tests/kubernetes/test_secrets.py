"""A canary in a Secret that a Pod uses: it is in nothing that brood writes, serves or says."""

import json
import urllib.request
import uuid

from tests.cluster.audit import requests
from tests.kubernetes.arenas import Arena, row, script

CANARY = f"canary-{uuid.uuid4().hex}"
FROM_SECRET = {"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "canary", "key": "token"}}}]}
EVERYTHING = (
    "jobruns",
    "jobdefinitions",
    "pods",
    "configmaps",
    "events",
    "controllerrevisions",
    "persistentvolumeclaims",
)


def test_a_secret_reaches_the_script_and_nothing_else(real: Arena) -> None:
    real.kubectl("create", "secret", "generic", "canary", f"--from-literal=token={CANARY}")
    name = real.run(
        [
            script("use", 'printf %s "$TOKEN" | wc -c', env=FROM_SECRET["env"], output="LENGTH"),
            script("fail", '[ "$TOKEN" = "" ]', env=FROM_SECRET["env"], continueOn={"failure": True}),
            {
                "name": "plain",
                "container": {"image": "alpine", "command": ["sh", "-c", 'test "$TOKEN"'], **FROM_SECRET},
            },
            script("each", 'test "$TOKEN"', env=FROM_SECRET["env"], parallel={"items": ["a", "b"]}),
        ],
        handlers={"onExit": {"script": 'test "$TOKEN"', "env": FROM_SECRET["env"]}},
    )
    done = real.ended(name)
    assert done["status"]["phase"] == "PartiallySucceeded", real.history.summary()
    assert done["status"]["outputs"]["LENGTH"] == str(len(CANARY))
    assert row(done, "fail")["reason"] == "ExitCode"
    with urllib.request.urlopen(f"http://127.0.0.1:{real.operator.metrics_port}/metrics", timeout=5) as answer:
        metrics = answer.read().decode()
    said = {"log": real.operator.log(), "metrics": metrics}
    said |= {kind: json.dumps(real.cluster.list(kind, namespace=real.namespace)) for kind in EVERYTHING}
    assert [where for where, text in said.items() if CANARY in text] == []
    assert all(name in said[kind] for kind in ("log", "jobruns", "pods", "events")), "there was something to look at"


def test_the_operator_never_asks_for_a_secret(real: Arena) -> None:
    assert real.cluster.audit_log is not None
    asked = [*requests(real.cluster.audit_log, agent="brood/", namespace=real.namespace)]
    assert asked
    assert [one for one in asked if one.resource == "secrets"] == []
