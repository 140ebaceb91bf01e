"""Manifests that everybody must accept, and ones that everybody must refuse: the models here, the API server in `tests/kubernetes`."""

from dataclasses import dataclass
from typing import Any

import yaml


def manifest(kind: str, spec: str | dict[str, Any], name: str = "case") -> dict[str, Any]:
    """Return an object with that spec, given as YAML or as data."""
    return {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": yaml.safe_load(spec) if isinstance(spec, str) else spec,
    }


@dataclass(frozen=True)
class Bad:
    """A refused spec.

    ``path`` is the field that our own message names, ``says`` a part of it. ``server`` is the field that the API server names, or None
    where it cannot see what is wrong.
    """

    id: str
    spec: str
    path: str
    says: str
    server: str | None = "="
    kind: str = "JobDefinition"

    @property
    def server_path(self) -> str | None:
        """The field that the API server names."""
        return self.path if self.server == "=" else self.server


CONTRACT = """
type: video
version: 1.0-dev
description: Splits a video, encodes the parts in child runs, joins them
params:
- {name: URL, required: true, description: where the source video is}
- {name: InputEncoding, default: MP4, enum: [MP4, WebM]}
- {name: Parts, default: 2, pattern: "[0-9]+"}
env: [{name: LANG, value: C.UTF-8}, {name: THREADS, value: 4}, {name: RATIO, value: 1.5}, {name: DRY, value: false}]
concurrency: {key: "encode-{{ params.InputEncoding }}", maxActiveRuns: 1, policy: Queue}
maxActiveTasks: 3
activeDeadlineSeconds: 7200
artifacts: {storage: 1Gi, storageClassName: fast, accessModes: [ReadWriteOnce], retain: Always}
taskDefaults:
  container: {image: alpine, resources: {requests: {cpu: 50m}}}
  env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: t, key: k}}}]
  podTemplate: {spec: {nodeSelector: {disk: ssd}}}
  retryPolicy: {limit: 2}
  infraRetries: 5
  timeoutSeconds: 60
  pendingTimeoutSeconds: 60
  imagePullTimeoutSeconds: 60
tasks:
- {name: validate, script: "echo $URL", onSucceeded: get-items}
- name: get-items
  script: "true"
  output: SERVER_LIST
  artifacts: {paths: ["video.*"], keep: OnSuccess}
  onFailed: cleanup
  onExitCode: [{codes: [3, 4], task: cleanup}]
  continueOn: {exitCodes: [3], skipped: true, markSuccess: true}
  retryPolicy: {limit: 3, intervalSeconds: 0, backoffFactor: 2, maxIntervalSeconds: 60, exitCodes: [1]}
  pools: [gpu, "db-{{ params.Parts }}"]
  infraRetries: 0
- name: each
  dependsOn: [get-items]
  run: {definitionRef: {name: process_a}, params: {FILE: "{{ item }}", N_: 3}}
  parallel: {itemsFrom: "{{ outputs.SERVER_LIST }}", maxConcurrent: 8, maxItems: 100000, maxFailures: 10%, failFast: false}
  output: RESULTS
- name: fork-all
  fork: {definitionRef: {type: encoding, version: "1.0"}}
  parallel: {items: [a, 42, {REGION: eu}, [p, [q]], 1.5, true], maxItems: 10, maxConcurrent: 2}
- {name: fork-await, await: {tasks: [fork-all]}}
- name: combine
  artifactsFrom: [get-items, fork-await]
  when: "{{ params.Parts == '2' }}"
  container: {image: "alpine:{{ params.Parts }}", name: main}
  script: cat *
- {name: untouched, container: {image: busybox, command: [date], args: [-u]}, output: DATE}
- {name: Done.all, dependsOn: [combine, untouched]}
- {name: cleanup, script: rm -rf x}
handlers:
  onSuccess: {script: echo fine}
  onFailure: {container: {image: curl, command: [curl, example.org]}, timeoutSeconds: 30}
  onCancel: {script: echo cancelled, env: [{name: A, value: b}]}
  onExit: {container: {image: alpine}, script: echo over}
definitions:
- name: process_a
  params: [{name: FILE}, {name: N_}]
  env: [{name: A, value: b}]
  maxActiveTasks: "{{ params.N_ }}"
  tasks: [{name: one, script: test -f "$1", output: COUNT}, {name: two, dependsOn: [one]}]
schedule: {cron: "*/5 * * * *", timeZone: Europe/Berlin, startingDeadlineSeconds: 300, skipIfSuccessful: false}
suspend: false
history: {successful: 10, failed: 10}
ttlSecondsAfterFinished: 86400
podRetention: Always
"""

GOOD: dict[str, tuple[str, str]] = {
    "contract": ("JobDefinition", CONTRACT),
    "one junction": ("JobDefinition", "tasks: [{name: a}]"),
    "a schedule on change": ("JobDefinition", "{tasks: [{name: a}], schedule: {onChange: true}}"),
    "a claim of one's own": ("JobDefinition", "{tasks: [{name: a}], artifacts: {claimName: mine}}"),
    "a template for maxActiveTasks": ("JobDefinition", "{tasks: [{name: a}], maxActiveTasks: '{{ params.N_ }}'}"),
    "nulls are absent": ("JobDefinition", "{tasks: [{name: a, env: null, script: null, run: null}], handlers: null}"),
    "a scalar of any type in items": (
        "JobDefinition",
        "tasks: [{name: a, script: x, parallel: {items: [null, 1.5, x, {}]}}]",
    ),
    "no items": ("JobDefinition", "tasks: [{name: a, script: x, parallel: {items: []}}]"),
    "maxFailures as a number": (
        "JobDefinition",
        "tasks: [{name: a, script: x, parallel: {items: [a], maxFailures: 3}}]",
    ),
    "two local definitions with the same task names": (
        "JobDefinition",
        "{tasks: [{name: a}], definitions: [{name: l, tasks: [{name: a}]}, {name: m, tasks: [{name: a}]}]}",
    ),
    "a run": (
        "JobRun",
        "{definitionRef: {name: a}, params: {URL: 'file:///in', N_: 3}, rerunOf: {name: b}, priority: -3, suspend: true,"
        " shutdown: Interrupt, activeDeadlineSeconds: 3, ttlSecondsAfterFinished: 0}",
    ),
    "a run by type": ("JobRun", "{definitionRef: {type: video, version: 1.0-dev}}"),
    "a child": (
        "JobRun",
        "{definitionRef: {name: a, local: l, revision: a-1}, parentRef: {name: p, uid: u, task: t, index: 0}}",
    ),
}

_UNKNOWN = "unknown field"

BAD: tuple[Bad, ...] = (
    # Fields and types
    Bad("no tasks", "{}", "spec.tasks", "required"),
    Bad("empty tasks", "tasks: []", "spec.tasks", "at least 1"),
    Bad("tasks as an object", "tasks: {a: {}}", "spec.tasks", "must be a list"),
    Bad(
        "misspelt field",
        "tasks: [{name: a, retryPolicy: {limt: 3}}]",
        "spec.tasks[0].retryPolicy.limt",
        "did you mean 'limit'?",
    ),
    Bad("snake case", "tasks: [{name: a, depends_on: []}]", "spec.tasks[0].depends_on", "did you mean 'dependsOn'?"),
    Bad("image of a task", "tasks: [{name: a, image: alpine}]", "spec.tasks[0].image", "container"),
    Bad("far from any field", "tasks: [{name: a, qqq: 1}]", "spec.tasks[0].qqq", "allowed are name, container"),
    Bad("unnamed task", "tasks: [{script: x}]", "spec.tasks[0].name", "required"),
    Bad("a number as script", "tasks: [{name: a, script: 3}]", "spec.tasks[0].script", "must be a string"),
    Bad("an unquoted version", "{type: a, version: 1.0, tasks: [{name: a}]}", "spec.version", "quote it"),
    Bad("type without version", "{type: a, tasks: [{name: a}]}", "spec.type", "go together", server="spec"),
    Bad(
        "text as seconds",
        "tasks: [{name: a, script: x, timeoutSeconds: '3'}]",
        "spec.tasks[0].timeoutSeconds",
        "integer",
    ),
    Bad("no seconds", "tasks: [{name: a, script: x, timeoutSeconds: 0}]", "spec.tasks[0].timeoutSeconds", "1"),
    Bad(
        "an exit code too large",
        "tasks: [{name: a, script: x, continueOn: {exitCodes: [256]}}]",
        "spec.tasks[0].continueOn.exitCodes[0]",
        "255",
    ),
    Bad(
        "retention",
        "{tasks: [{name: a}], podRetention: Sometimes}",
        "spec.podRetention",
        "'Never', 'OnFailure' or 'Always'",
    ),
    Bad("maxActiveTasks 0", "{tasks: [{name: a}], maxActiveTasks: 0}", "spec.maxActiveTasks", "at least 1"),
    Bad("maxActiveTasks as words", "{tasks: [{name: a}], maxActiveTasks: three}", "spec.maxActiveTasks", "template"),
    Bad(
        "maxActiveRuns 0",
        "{tasks: [{name: a}], concurrency: {maxActiveRuns: 0}}",
        "spec.concurrency.maxActiveRuns",
        "1",
    ),
    Bad(
        "policy",
        "{tasks: [{name: a}], concurrency: {policy: Wait}}",
        "spec.concurrency.policy",
        "'Queue', 'Reject' or 'Replace'",
    ),
    Bad(
        "an object as env value",
        "{tasks: [{name: a}], env: [{name: A, value: {a: b}}]}",
        "spec.env[0].value",
        "string, number or boolean",
    ),
    Bad(
        "two sources of env",
        "{tasks: [{name: a}], env: [{name: A, value: x, valueFrom: {}}]}",
        "spec.env[0].valueFrom",
        "exclude",
        server="spec.env[0]",
    ),
    # Names
    Bad("a blank in a task name", "tasks: [{name: a b}]", "spec.tasks[0].name", "letters, digits"),
    Bad("a long task name", f"tasks: [{{name: {'a' * 64}}}]", "spec.tasks[0].name", "63"),
    Bad(
        "two tasks of one name",
        "tasks: [{name: a}, {name: a}]",
        "spec.tasks[1].name",
        "two tasks are named 'a'",
        server="spec.tasks[1]",
    ),
    Bad(
        "two params of one name",
        "{tasks: [{name: a}], params: [{name: A}, {name: A}]}",
        "spec.params[1].name",
        "two params",
        server="spec.params[1]",
    ),
    Bad(
        "two local definitions of one name",
        "{tasks: [{name: a}], definitions: [{name: l, tasks: [{name: a}]}, {name: l, tasks: [{name: a}]}]}",
        "spec.definitions[1].name",
        "two local definitions",
        server="spec.definitions[1]",
    ),
    Bad("param PATH", "{tasks: [{name: a}], params: [{name: PATH}]}", "spec.params[0].name", "reserved"),
    Bad("param BROOD_X", "{tasks: [{name: a}], params: [{name: BROOD_X}]}", "spec.params[0].name", "reserved"),
    Bad("param LD_PRELOAD", "{tasks: [{name: a}], params: [{name: LD_PRELOAD}]}", "spec.params[0].name", "reserved"),
    Bad("param No", "{tasks: [{name: a}], params: [{name: 'No'}]}", "spec.params[0].name", "reserved"),
    Bad("param with a dash", "{tasks: [{name: a}], params: [{name: a-b}]}", "spec.params[0].name", "environment name"),
    Bad("output HOME", "tasks: [{name: a, script: x, output: HOME}]", "spec.tasks[0].output", "reserved"),
    Bad(
        "output like a param",
        "{tasks: [{name: a, script: x, output: A}], params: [{name: A}]}",
        "spec.tasks[0].output",
        "like a param",
        server="spec.tasks",
    ),
    Bad(
        "one output twice",
        "tasks: [{name: a, script: x, output: O}, {name: b, script: x, output: O}]",
        "spec.tasks[1].output",
        "'a' and 'b' declare the same output",
        server="spec.tasks",
    ),
    Bad(
        "a param of a child named on",
        "tasks: [{name: a, run: {definitionRef: {name: b}, params: {'on': x}}}]",
        "spec.tasks[0].run.params",
        "reserved",
    ),
    # Bodies
    Bad(
        "two bodies",
        "tasks: [{name: a, script: x, run: {definitionRef: {name: b}}}]",
        "spec.tasks[0]",
        "task 'a': at most one body",
    ),
    Bad(
        "fork and await",
        "tasks: [{name: f, fork: {definitionRef: {name: b}}}, {name: a, fork: {definitionRef: {name: b}}, await: {tasks: [f]}}]",
        "spec.tasks[1]",
        "fork and await",
    ),
    Bad(
        "script and command",
        "tasks: [{name: a, script: x, container: {command: [y]}}]",
        "spec.tasks[0].container.command",
        "task 'a'",
        server=None,
    ),
    Bad(
        "script and args",
        "tasks: [{name: a, script: x, container: {args: [y]}}]",
        "spec.tasks[0].container.args",
        "task 'a'",
        server=None,
    ),
    Bad(
        "script and default command",
        "{tasks: [{name: a, script: x}], taskDefaults: {container: {command: [y]}}}",
        "spec.tasks[0].script",
        "taskDefaults",
        server=None,
    ),
    Bad(
        "container of another name",
        "tasks: [{name: a, container: {name: side}}]",
        "spec.tasks[0].container.name",
        "'main'",
        server=None,
    ),
    Bad(
        "a call by name and type",
        "tasks: [{name: a, run: {definitionRef: {name: b, type: c}}}]",
        "spec.tasks[0].run.definitionRef",
        "either {name} or",
    ),
    Bad(
        "a call of nothing",
        "tasks: [{name: a, run: {definitionRef: {}}}]",
        "spec.tasks[0].run.definitionRef",
        "either {name} or",
    ),
    Bad(
        "a fraction as param",
        "tasks: [{name: a, run: {definitionRef: {name: b}, params: {A: 1.5}}}]",
        "spec.tasks[0].run.params.A",
        "quote",
    ),
    Bad(
        "an empty handler",
        "{tasks: [{name: a}], handlers: {onExit: {}}}",
        "spec.handlers.onExit",
        "container or a script",
    ),
    Bad(
        "an unknown handler",
        "{tasks: [{name: a}], handlers: {onError: {script: x}}}",
        "spec.handlers.onError",
        _UNKNOWN,
    ),
    Bad(
        "artifacts without script",
        "tasks: [{name: a, container: {}, artifacts: {paths: [x]}}]",
        "spec.tasks[0].artifacts",
        "needs a script",
    ),
    Bad(
        "artifactsFrom without script",
        "tasks: [{name: b}, {name: a, artifactsFrom: [b]}]",
        "spec.tasks[1].artifactsFrom",
        "needs a script",
    ),
    Bad(
        "no artifact paths",
        "tasks: [{name: a, script: x, artifacts: {paths: []}}]",
        "spec.tasks[0].artifacts.paths",
        "at least 1",
    ),
    Bad(
        "pools without container",
        "tasks: [{name: a, run: {definitionRef: {name: b}}, pools: [gpu]}]",
        "spec.tasks[0].pools",
        "task 'a'",
    ),
    Bad("output of a junction", "tasks: [{name: a, output: O}]", "spec.tasks[0].output", "task 'a'"),
    Bad(
        "retryPolicy of a fork",
        "tasks: [{name: a, fork: {definitionRef: {name: b}}, retryPolicy: {limit: 1}}]",
        "spec.tasks[0].retryPolicy",
        "fork takes no retryPolicy",
    ),
    Bad(
        "output of a fork",
        "tasks: [{name: a, fork: {definitionRef: {name: b}}, output: O}]",
        "spec.tasks[0].output",
        "a fork has no output",
    ),
    Bad(
        "markSuccess of nothing",
        "tasks: [{name: a, script: x, continueOn: {markSuccess: true}}]",
        "spec.tasks[0].continueOn.markSuccess",
        "needs failure or exitCodes",
    ),
    # Parallel
    Bad(
        "no items at all",
        "tasks: [{name: a, script: x, parallel: {}}]",
        "spec.tasks[0].parallel",
        "either items or itemsFrom",
    ),
    Bad(
        "items twice",
        "tasks: [{name: a, script: x, parallel: {items: [a], itemsFrom: b}}]",
        "spec.tasks[0].parallel",
        "either items or itemsFrom",
    ),
    Bad(
        "parallel on a junction",
        "tasks: [{name: a, parallel: {items: [a]}}]",
        "spec.tasks[0].parallel",
        "needs a container",
    ),
    Bad(
        "parallel on an await",
        "tasks: [{name: f, fork: {definitionRef: {name: b}}}, {name: a, await: {tasks: [f]}, parallel: {items: [a]}}]",
        "spec.tasks[1].parallel",
        "needs a container",
    ),
    Bad(
        "failFast on a fork",
        "tasks: [{name: a, fork: {definitionRef: {name: b}}, parallel: {items: [a], failFast: true}}]",
        "spec.tasks[0].parallel.failFast",
        "on a fork",
        server="spec.tasks[0].parallel",
    ),
    Bad(
        "maxFailures on a fork",
        "tasks: [{name: a, fork: {definitionRef: {name: b}}, parallel: {items: [a], maxFailures: 0}}]",
        "spec.tasks[0].parallel.maxFailures",
        "on a fork",
        server="spec.tasks[0].parallel",
    ),
    Bad(
        "maxConcurrent 0",
        "tasks: [{name: a, script: x, parallel: {items: [a], maxConcurrent: 0}}]",
        "spec.tasks[0].parallel.maxConcurrent",
        "1",
    ),
    Bad(
        "maxItems too large",
        "tasks: [{name: a, script: x, parallel: {items: [a], maxItems: 100001}}]",
        "spec.tasks[0].parallel.maxItems",
        "100000",
    ),
    Bad(
        "maxFailures below 0",
        "tasks: [{name: a, script: x, parallel: {items: [a], maxFailures: -1}}]",
        "spec.tasks[0].parallel.maxFailures",
        "percentage",
    ),
    Bad(
        "maxFailures above all",
        "tasks: [{name: a, script: x, parallel: {items: [a], maxFailures: 101%}}]",
        "spec.tasks[0].parallel.maxFailures",
        "percentage",
    ),
    # The graph
    Bad(
        "dependsOn of nothing",
        "tasks: [{name: a, dependsOn: [b]}]",
        "spec.tasks[0].dependsOn[0]",
        "task 'a': dependsOn names 'b'",
        server="spec.tasks",
    ),
    Bad(
        "dependsOn twice",
        "tasks: [{name: b}, {name: a, dependsOn: [b, b]}]",
        "spec.tasks[1].dependsOn[1]",
        "'b' is listed twice",
    ),
    Bad(
        "onSucceeded of nothing",
        "tasks: [{name: a, onSucceeded: b}]",
        "spec.tasks[0].onSucceeded",
        "'b', which is no task here",
        server="spec.tasks",
    ),
    Bad(
        "onFailed of nothing",
        "tasks: [{name: a, onFailed: b}]",
        "spec.tasks[0].onFailed",
        "'b', which is no task here",
        server="spec.tasks",
    ),
    Bad(
        "onExitCode of nothing",
        "tasks: [{name: a, onExitCode: [{codes: [1], task: b}]}]",
        "spec.tasks[0].onExitCode[0].task",
        "'b', which is no task here",
        server="spec.tasks",
    ),
    Bad(
        "artifactsFrom of nothing",
        "tasks: [{name: a, script: x, artifactsFrom: [b]}]",
        "spec.tasks[0].artifactsFrom[0]",
        "'b', which is no task here",
        server="spec.tasks",
    ),
    Bad(
        "await of nothing",
        "tasks: [{name: a, await: {tasks: [b]}}]",
        "spec.tasks[0].await.tasks[0]",
        "'b', which is no task here",
        server="spec.tasks",
    ),
    Bad(
        "await of no fork",
        "tasks: [{name: b}, {name: a, await: {tasks: [b]}}]",
        "spec.tasks[1].await.tasks[0]",
        "no fork",
        server="spec.tasks",
    ),
    Bad("await of none", "tasks: [{name: a, await: {tasks: []}}]", "spec.tasks[0].await.tasks", "at least 1"),
    Bad(
        "a task of the parent",
        "{tasks: [{name: a}], definitions: [{name: l, tasks: [{name: b, dependsOn: [a]}]}]}",
        "spec.definitions[0].tasks[0].dependsOn[0]",
        "task 'b'",
        server="spec.definitions[0].tasks",
    ),
    Bad(
        "a local output like its param",
        "{tasks: [{name: a}], definitions: [{name: l, params: [{name: A}], tasks: [{name: b, script: x, output: A}]}]}",
        "spec.definitions[0].tasks[0].output",
        "like a param",
        server="spec.definitions[0].tasks",
    ),
    Bad(
        "a local definition in a local definition",
        "{tasks: [{name: a}], definitions: [{name: l, tasks: [{name: a}], definitions: []}]}",
        "spec.definitions[0].definitions",
        _UNKNOWN,
    ),
    # Volume, schedule
    Bad(
        "ReadWriteOncePod",
        "{tasks: [{name: a}], artifacts: {accessModes: [ReadWriteOncePod]}}",
        "spec.artifacts.accessModes[0]",
        "'ReadWriteOnce' or 'ReadWriteMany'",
    ),
    Bad("no quantity", "{tasks: [{name: a}], artifacts: {storage: big}}", "spec.artifacts.storage", "quantity"),
    Bad(
        "claimName and storage",
        "{tasks: [{name: a}], artifacts: {claimName: mine, storage: 1Gi}}",
        "spec.artifacts.storage",
        "claimName",
        server="spec.artifacts.claimName",
    ),
    Bad(
        "cron of four fields", "{tasks: [{name: a}], schedule: {cron: '* * * *'}}", "spec.schedule.cron", "five fields"
    ),
    Bad(
        "cron that never comes",
        "{tasks: [{name: a}], schedule: {cron: '* * * * 99'}}",
        "spec.schedule.cron",
        "day-of-week",
        server=None,
    ),
    Bad(
        "cron and onChange",
        "{tasks: [{name: a}], schedule: {cron: '* * * * *', onChange: true}}",
        "spec.schedule",
        "either cron or onChange",
    ),
    Bad(
        "a schedule of nothing",
        "{tasks: [{name: a}], schedule: {onChange: false}}",
        "spec.schedule",
        "either cron or onChange",
    ),
    Bad(
        "a time zone without cron",
        "{tasks: [{name: a}], schedule: {onChange: true, timeZone: UTC}}",
        "spec.schedule.timeZone",
        "needs cron",
        server="spec.schedule",
    ),
    Bad("history below 0", "{tasks: [{name: a}], history: {failed: -1}}", "spec.history.failed", "0"),
    # Runs
    Bad("a run of nothing", "{}", "spec.definitionRef", "required", kind="JobRun"),
    Bad("a run by half a type", "{definitionRef: {type: a}}", "spec.definitionRef", "either {name} or", kind="JobRun"),
    Bad("a boolean as param", "{definitionRef: {name: a}, params: {A: true}}", "spec.params.A", "quote", kind="JobRun"),
    Bad(
        "a list as param",
        "{definitionRef: {name: a}, params: {A: [b]}}",
        "spec.params.A",
        "string or an integer",
        kind="JobRun",
    ),
    Bad("a param named y", "{definitionRef: {name: a}, params: {'y': x}}", "spec.params", "reserved", kind="JobRun"),
    Bad("NUL in a param", '{definitionRef: {name: a}, params: {A: "x\\0y"}}', "spec.params.A", "NUL", kind="JobRun"),
    Bad(
        "shutdown now",
        "{definitionRef: {name: a}, shutdown: Now}",
        "spec.shutdown",
        "'Interrupt' or 'Terminate'",
        kind="JobRun",
    ),
    Bad(
        "tasks of a run",
        "{definitionRef: {name: a}, tasks: []}",
        "spec.tasks",
        "belong to a JobDefinition",
        kind="JobRun",
    ),
    Bad(
        "half a parent",
        "{definitionRef: {name: a}, parentRef: {name: p, task: t}}",
        "spec.parentRef.uid",
        "required",
        kind="JobRun",
    ),
)
