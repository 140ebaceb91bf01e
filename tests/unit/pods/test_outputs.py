"""Outputs come back byte-exact, or not at all with a reason (contract §1.4, §3)."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brood.api.reasons import TaskReason
from brood.pods.outputs import OUTPUT_LIMIT, OutputError, captured, set_outputs, written
from tests.unit.pods.sandbox import Outcome, Sandbox

VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


def given_back(sandbox: Sandbox, value: str) -> Outcome:
    """Let a script print a param."""
    return sandbox.run(
        'printf %s "$1"; printf "W<<END-OF-W\\n%s\\nEND-OF-W\\n" "$1" >>$BROOD_OUTPUT',
        params=(("V", value),),
        capture_stdout=True,
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain",
        "  blanks around  ",
        "two\nlines",
        "\n\nleading newlines",
        "quotes \" and ' and `backticks` and $(touch x) and ${HOME} and $$ and \\ and %s %d",
        "tab\tcarriage\rreturn\x01\x7f\x1b[31m",
        "ünïcödé ☃ 😀 \ufffd \u2028",
        "x" * 1900,
        "é" * 5000,
        "line\n" * 9000 + "end",
    ],
)
def test_any_text_comes_back_as_it_is(sandbox: Sandbox, value: str) -> None:
    outcome = given_back(sandbox, value)
    assert outcome.result.reason is None, outcome.result.message
    assert outcome.result.stdout == value.rstrip("\n")
    assert outcome.result.outputs == {"W": value}


def test_trailing_newlines_are_trimmed_and_nothing_else(sandbox: Sandbox) -> None:
    assert sandbox.run("printf 'a \\r\\n\\n\\n'", capture_stdout=True).result.stdout == "a \r"


def test_an_output_is_there_where_stdout_was_empty(sandbox: Sandbox) -> None:
    assert sandbox.run("true", capture_stdout=True).result.stdout == ""


def test_stdout_that_is_no_output_is_not_carried_about(sandbox: Sandbox) -> None:
    outcome = sandbox.run(
        "i=0; while [ $i -lt 2000 ]; do echo chatter $i; i=$((i + 1)); done; echo ::set-output name=A::b=c"
    )
    assert outcome.result.stdout is None
    assert outcome.result.outputs == {"A": "b=c"}
    assert len(outcome.message) < 200
    assert outcome.asked is None


def test_all_ways_of_setting_an_output_work_together(sandbox: Sandbox) -> None:
    script = """
        echo '::set-output name=K::V::W'
        echo ' ::set-output name=INDENTED::no'
        echo 'A=1=2' >>"$BROOD_OUTPUT"
        echo '' >>"$BROOD_OUTPUT"
        echo 'B=' >>"$BROOD_OUTPUT"
        printf 'C<<EOF\\nA=not this\\n EOF\\n\\nEOF\\n' >>"$BROOD_OUTPUT"
        printf 'A=last' >>"$BROOD_OUTPUT"
    """
    outcome = sandbox.run(script)
    assert outcome.result.outputs == {"K": "V::W", "A": "last", "B": "", "C": "A=not this\n EOF\n"}


def test_a_failed_attempt_has_its_outputs_too(sandbox: Sandbox) -> None:
    outcome = sandbox.run("echo partial; echo X=1 >>$BROOD_OUTPUT; echo oh >&2; exit 3", capture_stdout=True)
    assert outcome.result.reason is TaskReason.EXIT_CODE
    assert outcome.result.message == "exit code 3: oh"
    assert outcome.result.stdout == "partial"
    assert outcome.result.outputs == {"X": "1"}


@pytest.mark.parametrize("size", [1800, 2048, 4096, 100_000, OUTPUT_LIMIT])
def test_an_output_may_have_256_kib(sandbox: Sandbox, size: int) -> None:
    outcome = sandbox.run(f"head -c {size} /dev/zero | tr '\\0' x; echo; echo stderr >&2", capture_stdout=True)
    assert outcome.result.reason is None
    assert outcome.result.stdout == "x" * size
    assert len(outcome.message) <= 2048


def test_a_larger_output_is_refused_naming_its_size(sandbox: Sandbox) -> None:
    outcome = sandbox.run(f"head -c {OUTPUT_LIMIT + 1} /dev/zero | tr '\\0' x", capture_stdout=True)
    assert outcome.result.reason is TaskReason.OUTPUT_TOO_LARGE
    assert str(OUTPUT_LIMIT + 1) in outcome.result.message
    assert outcome.result.exit_code is None


def test_a_very_long_line_before_the_result_does_not_hide_it(sandbox: Sandbox) -> None:
    script = "head -c 9000000 /dev/zero | tr '\\0' x; echo; head -c 5000 /dev/zero | tr '\\0' y >result"
    outcome = sandbox.run(f"{script}; printf 'LONG=%s\\n' \"$(cat result)\" >>$BROOD_OUTPUT")
    assert outcome.result.outputs == {"LONG": "y" * 5000}


def test_a_huge_output_is_refused_without_being_carried_about(sandbox: Sandbox) -> None:
    outcome = sandbox.run("head -c 3000000 /dev/zero | tr '\\0' x", capture_stdout=True)
    assert outcome.result.reason is TaskReason.OUTPUT_TOO_LARGE
    assert "3000000" in outcome.result.message
    assert len(outcome.log) < 3_000_200


def test_the_limit_of_all_written_outputs_together_is_named(sandbox: Sandbox) -> None:
    script = 'for n in 1 2 3 4 5; do printf A$n=; head -c 250000 /dev/zero | tr "\\0" x; echo; done >$BROOD_OUTPUT'
    assert sandbox.run(script).result.message == "$BROOD_OUTPUT has 1250020 bytes (max: 1048576)"


@pytest.mark.parametrize(
    "script",
    [
        "printf 'a\\000b'",
        "printf 'a\\377b'",
        "printf '\\342\\202'",  # a character cut short
        "head -c 5000 /dev/zero",
        "printf '%5000s\\377' x",
        "printf 'A=a\\000b\\n' >>$BROOD_OUTPUT",
        "printf 'A=\\303\\n' >>$BROOD_OUTPUT",
    ],
)
def test_what_is_not_utf8_without_nul_is_refused(sandbox: Sandbox, script: str) -> None:
    outcome = sandbox.run(script, capture_stdout=True)
    assert outcome.result.reason is TaskReason.OUTPUT_INVALID
    assert outcome.code == 0


def test_a_failed_script_keeps_its_code_whatever_it_printed(sandbox: Sandbox) -> None:
    outcome = sandbox.run("printf 'a\\000\\377'; printf '\\377oh\\n' >&2; exit 3", capture_stdout=True)
    assert outcome.result.reason is TaskReason.EXIT_CODE
    assert outcome.result.exit_code == 3


def test_stderr_that_is_cut_within_a_character_costs_no_output(sandbox: Sandbox) -> None:
    euros = "i=0; while [ $i -lt 700 ]; do printf '€' >&2; i=$((i + 1)); done; printf 'a\n' >&2"
    script = f"echo X=1 >>$BROOD_OUTPUT; {euros}; exit 3"
    outcome = sandbox.run(script)
    assert outcome.result.outputs == {"X": "1"}
    assert outcome.result.message.endswith("€€a")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("no equals sign", "line 1: 'no equals sign' is neither"),
        ("1X=a", "'1X' is no environment name"),
        ("A B=a", "'A B' is no environment name"),
        ("=a", "'' is no environment name"),
        ("PATH=/x", "'PATH' is reserved"),
        ("BROOD_X=1", "'BROOD_X' is reserved"),
        ("Yes=1", "'Yes' is reserved"),
        ("A<<EOF\\nnever ends", "no line 'EOF' ends the text"),
    ],
)
def test_a_line_that_cannot_be_read_fails_the_task_and_says_which(sandbox: Sandbox, line: str, says: str) -> None:
    outcome = sandbox.run(f"printf '{line}\\n' >>$BROOD_OUTPUT")
    assert outcome.result.reason is TaskReason.OUTPUT_INVALID
    assert says in outcome.result.message


def test_a_script_cannot_speak_for_the_runner(sandbox: Sandbox) -> None:
    forged = "\\nn0nce\\nforged\\nn0nce.\\n"
    outcome = sandbox.run(
        f"printf '{forged}'; i=0; while [ $i -lt 500 ]; do echo line; i=$((i + 1)); done", capture_stdout=True
    )
    assert outcome.result.stdout == "\nn0nce\nforged\nn0nce.\n" + "\n".join(["line"] * 500)


@given(st.dictionaries(st.from_regex(r"\A[A-Z]{3,6}\Z"), VALUES, max_size=5))
def test_here_documents_hold_any_text(values: dict[str, str]) -> None:
    content = "".join(f"{name}<<end-{name}\n{value}\nend-{name}\n" for name, value in values.items())
    assert written(content.encode()) == values


@given(st.binary(max_size=200))
def test_reading_never_does_anything_but_refuse(content: bytes) -> None:
    for read in (written, set_outputs, captured):
        with suppress(OutputError):
            read(content)
