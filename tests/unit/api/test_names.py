import base64
import hashlib
import re
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from brood.api.names import HASH_LENGTH, object_name, short_hash

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
RUNS = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", fullmatch=True)
TASKS = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", fullmatch=True)


@given(run=RUNS, task=TASKS, index=st.none() | st.integers(0, 99_999), attempt=st.integers(1, 10_000))
def test_a_name_is_a_dns_label_whatever_run_and_task_are_called(
    run: str, task: str, index: int | None, attempt: int
) -> None:
    name = object_name(run, "uid", task=task, index=index, attempt=attempt)
    assert len(name) <= 63
    assert DNS_LABEL.fullmatch(name)


def test_a_name_begins_with_run_task_and_index() -> None:
    assert object_name("encode-42", "u", task="process_A", index=3, attempt=1).startswith("encode-42-process-a-3-")
    assert re.fullmatch(
        r"encode-42-split-[a-z2-7]{10}", object_name("encode-42", "u", task="split", index=None, attempt=1)
    )


def test_a_long_name_is_cut_to_52_characters_before_the_hash() -> None:
    name = object_name("r" * 63, "u", task="t", index=None, attempt=1)
    assert re.fullmatch(r"r{52}-[a-z2-7]{10}", name)


def test_what_the_name_stands_for_decides_the_hash_and_nothing_else() -> None:
    base: dict[str, Any] = {"task": "a", "index": 1, "attempt": 1}
    names = {
        object_name("run", uid, **(base | change))
        for uid, change in cast(
            "list[tuple[str, dict[str, Any]]]",
            [
                ("u", {}),
                ("v", {}),
                ("u", {"attempt": 2}),
                ("u", {"index": None}),
                ("u", {"index": 11}),
                ("u", {"index": 1, "attempt": 11}),
                ("u", {"task": "A"}),
                ("u", {"task": "a-1", "index": None}),
            ],
        )
    }
    assert len(names) == 8
    assert object_name("run", "u", task="a", index=1, attempt=1) == object_name(
        "run", "u", task="a", index=1, attempt=1
    )


def test_the_name_of_an_attempt_never_changes_between_versions() -> None:
    assert object_name("encode-42", "0f2c", task="split", index=None, attempt=1) == "encode-42-split-n5eylilmcd"


@given(st.text())
def test_a_hash_is_the_beginning_of_the_texts_sha256_in_base32(text: str) -> None:
    wanted = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()
    assert short_hash(text) == wanted[:HASH_LENGTH]
