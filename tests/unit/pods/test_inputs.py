"""Params, outputs and items reach scripts and commands byte-exact, and execute nothing (contract §1.4)."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brood.pods.inputs import ENV_LIMIT, ENV_TOTAL, plan_inputs
from tests.unit.pods.sandbox import REQUEST, HostLayout, Sandbox

HOSTILE = [
    "two words",
    'a"; touch pwned; "',
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    "$HOME $$ $(PATH) $$(PATH) $((1+1)) ${V}",
    "$é$$é",
    "\\n\\\\ %s %n",
    "line one\nline two\n\n",
    "-n",
    "--help",
    "*",
    "~",
    "ünïcödé ☃ 😀",
    "\t\r\x01\x7f",
    "",
    "x" * ENV_LIMIT,
    "é\n" * 33_000,
]
SHOW = """
printf '%s' "$1" >"$BROOD_WORKDIR/first"
cat "$BROOD_INPUTS/V" >"$BROOD_WORKDIR/file"
cat "$BROOD_PARAMS" >"$BROOD_WORKDIR/params"
printf '%s' "${V-unset}" >"$BROOD_WORKDIR/env"
ls -A
"""


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_d5_a_value_arrives_byte_exact_every_way_and_executes_nothing(sandbox: Sandbox, value: str) -> None:
    outcome = sandbox.run(SHOW, params=(("V", value), ("W", "w")), capture_stdout=True)
    assert outcome.result.reason is None, outcome.log
    read = {name: (sandbox.work / name).read_bytes().decode() for name in ("first", "file", "params", "env")}
    assert read["first"] == value
    assert read["file"] == value
    assert json.loads(read["params"]) == {"V": value, "W": "w"}
    assert read["env"] == (value if len(value.encode()) <= ENV_LIMIT else "unset")
    assert sorted((outcome.result.stdout or "").split()) == ["env", "file", "first", "params"]


@pytest.mark.parametrize("value", HOSTILE[:-2], ids=range(len(HOSTILE) - 2))
def test_a_variable_of_the_users_is_exact_too(sandbox: Sandbox, value: str) -> None:
    sandbox.run('printf %s "$V" >env', env=({"name": "V", "value": value},))
    assert (sandbox.work / "env").read_bytes().decode() == value


def test_an_argument_beyond_the_kernels_limit_is_a_file_and_an_empty_argument(sandbox: Sandbox) -> None:
    value = "x" * 200_000
    outcome = sandbox.run(
        'echo "[$1] [$2]"; wc -c <"$BROOD_INPUTS/V"', params=(("V", value), ("W", "w")), capture_stdout=True
    )
    assert (outcome.result.stdout or "").split() == ["[]", "[w]", "200000"]


def test_positional_arguments_are_the_params_in_declared_order(sandbox: Sandbox) -> None:
    outcome = sandbox.run('echo "$# $1 $2 $3"', params=(("B", "1"), ("A", "2 3"), ("C", "")), capture_stdout=True)
    assert outcome.result.stdout == "3 1 2 3 "


def test_variables_that_a_shell_sets_itself_arrive_as_arguments_and_files(sandbox: Sandbox) -> None:
    params = tuple(
        (name, f"<{name}>") for name in ("UID", "PPID", "PWD", "RANDOM", "SECONDS", "LINENO", "SHLVL", "OPTIND")
    )
    outcome = sandbox.run(
        'for n in UID PPID PWD RANDOM SECONDS LINENO SHLVL OPTIND; do cat "$BROOD_INPUTS/$n"; done; printf %s "$@"',
        params=params,
        capture_stdout=True,
    )
    assert outcome.result.stdout == "".join(value for _, value in params) * 2


def test_precedence_is_env_then_params_then_outputs_then_broods_own(sandbox: Sandbox) -> None:
    outcome = sandbox.run(
        'echo "$A $B $C $BROOD_TASK $D"; cat "$BROOD_INPUTS/C"; echo; echo "$1 $2"',
        container={"image": "x", "env": [{"name": "A", "value": "container"}, {"name": "D", "value": "container"}]},
        env=tuple({"name": name, "value": "env"} for name in ("A", "B", "C", "BROOD_TASK")),
        params=(("B", "param"), ("C", "param")),
        outputs=(("C", "output"),),
        capture_stdout=True,
    )
    assert outcome.result.stdout == "env param output split container\noutput\nparam param"


def test_upstream_outputs_are_variables_and_files(sandbox: Sandbox) -> None:
    big = "y" * 100_000
    outcome = sandbox.run(
        'echo "$SMALL"; wc -c <"$BROOD_INPUTS/BIG"; cat "$BROOD_INPUTS/SMALL"',
        outputs=(("SMALL", '{"a": 1}'), ("BIG", big)),
        capture_stdout=True,
    )
    assert (outcome.result.stdout or "").split("\n") == ['{"a": 1}', "100000", '{"a": 1}']


def test_an_item_is_a_variable_and_the_first_argument(sandbox: Sandbox) -> None:
    outcome = sandbox.run(
        'printf "%s|%s|%s|%s" "$BROOD_ITEM" "$1" "$BROOD_INDEX" "$BROOD_ATTEMPT"',
        item='a"$(b)',
        positional=('a"$(b)',),
        index=7,
        item_attempt=2,
        capture_stdout=True,
    )
    assert outcome.result.stdout == 'a"$(b)|a"$(b)|7|2'


def test_a_large_item_is_a_file_and_the_first_argument(sandbox: Sandbox) -> None:
    item = "i" * 100_000
    outcome = sandbox.run(
        'printf "%s %s %s" "${BROOD_ITEM-unset}" "${#1}" "$(wc -c <"$BROOD_INPUTS/BROOD_ITEM")"',
        item=item,
        positional=(item,),
        capture_stdout=True,
    )
    assert outcome.result.stdout == "unset 100000 100000"


def test_a_container_without_a_script_has_them_as_variables(sandbox: Sandbox) -> None:
    outcome = sandbox.run(
        container={"image": "x", "command": ["printenv", "A", "B", "BROOD_TASK"]},
        script=None,
        params=(("A", "$(B) $$ `x`"),),
        outputs=(("B", "out"),),
        capture_stdout=True,
    )
    assert outcome.result.stdout == "$(B) $$ `x`\nout\nsplit"


def test_its_own_references_mean_what_they_mean_in_core_v1(sandbox: Sandbox) -> None:
    outcome = sandbox.run(
        container={"image": "x", "command": ["printf", "%s|%s|%s", "$(A)", "$$(A)", "$(NONE)"]},
        script=None,
        params=(("A", "$(PATH)"),),
        capture_stdout=True,
    )
    assert outcome.result.stdout == "$(PATH)|$(A)|$(NONE)"


def test_a_container_without_a_script_finds_large_values_as_files(sandbox: Sandbox) -> None:
    outcome = sandbox.run(
        container={
            "image": "x",
            "command": ["sh", "-c", 'cat "$BROOD_INPUTS/A" "$BROOD_PARAMS" | wc -c; echo "${A-unset}"'],
        },
        script=None,
        params=(("A", "x" * 100_000),),
        capture_stdout=True,
    )
    assert (outcome.result.stdout or "").split() == ["200008", "unset"]


@pytest.mark.parametrize(
    ("value", "variable"),
    [
        ("", True),
        ("a\n\n$(x)", True),
        ("é" * (ENV_LIMIT // 2), True),
        ("é" * (ENV_LIMIT // 2) + "x", False),
        ("x" * 200_000, False),
    ],
    ids=range(5),
)
def test_an_output_known_by_reference_is_a_file_and_a_variable_if_it_is_small(
    sandbox: Sandbox, value: str, *, variable: bool
) -> None:
    outcome = sandbox.run(
        'cat "$BROOD_INPUTS/R" >file; printf %s "${R-unset}" >env',
        params=(("R", "a param of that name"),),
        output_refs={"R": ("outputs-of-the-run", "split.R")},
        maps={"outputs-of-the-run": {"split.R": value, "other": "x"}},
    )
    assert outcome.result.reason is None
    assert (sandbox.work / "file").read_bytes().decode() == value
    assert (sandbox.work / "env").read_bytes().decode() == (value if variable else "unset")


def test_a_large_output_is_mounted_from_where_it_lies(tmp_path: Path) -> None:
    request = replace(
        REQUEST, outputs=(("BIG", "x" * 40_000),), output_refs={"BIG": ("encode-42-outputs", "split.BIG")}
    )
    inputs = plan_inputs(request, paths=HostLayout(tmp_path).paths("", request.name, None), runner=True)
    assert inputs.config_maps == ()
    assert [(one.config_map, one.items) for one in inputs.sources] == [("encode-42-outputs", (("split.BIG", "BIG"),))]


def test_pods_that_get_the_same_large_values_share_config_maps(tmp_path: Path) -> None:
    def stored(**changes: Any) -> dict[str, tuple[str, ...]]:
        request = replace(REQUEST, **{"inputs_of": ("parent", "uid-parent"), **changes})
        inputs = plan_inputs(request, paths=HostLayout(tmp_path).paths("", request.name, None), runner=True)
        assert {(one.run, one.run_uid) for one in inputs.config_maps} == {
            request.inputs_of or ("encode-42", REQUEST.run_uid)
        }
        return {one.name: tuple(one.data) for one in inputs.config_maps}

    params = (("BIG", "x" * 40_000),)
    one = stored(params=params, item="a")
    assert [*one.values()] == [("BIG",), (".params",)]
    assert stored(params=params, item="b", run="other", run_uid="uid-other", name="other-pod") == one
    other = stored(params=(*params, ("KEY", "of an item")))
    assert len(one.keys() & other.keys()) == 1  # the same BIG, other params in all
    assert not stored(params=params, inputs_of=None).keys() & one.keys()


LIST = "$(PATH) $$ é\n" * 200
ITEM: dict[str, Any] = {"inputs_of": ("parent", "uid-parent"), "item": "a", "positional": ("a",), "index": 0}


@pytest.mark.parametrize("own", [(), (("KEY", "k'y"),)], ids=["a string", "an object"])
def test_what_all_items_get_alike_arrives_byte_exact_and_is_in_no_pod(
    sandbox: Sandbox, own: tuple[tuple[str, str], ...]
) -> None:
    running = sandbox.start(
        SHOW + 'printf %s "$OUT" >out; cat "$BROOD_INPUTS/OUT" >outfile; env | grep -c BROOD__ >left || true',
        **{**ITEM, "positional": None},
        params=(("V", LIST), ("W", "w"), *own),
        own_params=frozenset(dict(own)),
        outputs=(("OUT", LIST.upper()),),
    )
    assert running.outcome().result.reason is None, running.log
    names = ("first", "file", "params", "env", "out", "outfile", "left")
    read = {name: (sandbox.work / name).read_bytes().decode() for name in names}
    assert read["first"] == read["file"] == read["env"] == LIST
    assert json.loads(read["params"]) == {"V": LIST, "W": "w", **dict(own)}
    assert read["out"] == read["outfile"] == LIST.upper()
    assert read["left"] == "0\n"
    assert "PATH" not in json.dumps(running.built.pod["spec"]["containers"][0]["env"])


def test_items_that_get_the_same_values_share_what_their_environment_refers_to(tmp_path: Path) -> None:
    def refs(**changes: Any) -> Mapping[str, str]:
        request = replace(REQUEST, **{**ITEM, "params": (("V", LIST), ("KEY", LIST)), **changes})
        inputs = plan_inputs(request, paths=HostLayout(tmp_path).paths("", request.name, None), runner=False)
        assert {one.name for one in inputs.config_maps} == {*inputs.env_refs.values()}
        assert {(one.run, one.run_uid) for one in inputs.config_maps} <= {ITEM["inputs_of"]}
        assert not inputs.env.keys() & inputs.env_refs.keys()
        return inputs.env_refs

    one = refs(own_params=frozenset({"KEY"}), item=LIST)
    assert [*one] == ["V"]  # neither the item nor what is its own
    assert refs(own_params=frozenset({"KEY"}), item="b", run="other", run_uid="uid-other", name="other-pod") == one
    assert not refs(inputs_of=None)  # one Pod alone: a ConfigMap would be one write more


def test_many_small_values_never_exceed_what_an_environment_may_hold(sandbox: Sandbox) -> None:
    params = tuple((f"P{number}", "x" * 30_000) for number in range(40))
    outcome = sandbox.run('[ $# = 40 ] && cat "$BROOD_INPUTS"/P* | wc -c', params=params, capture_stdout=True)
    assert (outcome.result.stdout or "").strip() == "1200000"
    inputs = plan_inputs(replace(REQUEST, params=params), paths=sandbox.layout.paths("", "", None), runner=True)
    assert sum(map(len, inputs.env.values())) <= ENV_TOTAL
