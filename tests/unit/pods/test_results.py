"""Whatever a Pod left behind, reading it gives a result and never an error."""

from hypothesis import given
from hypothesis import strategies as st

from brood.api.reasons import TaskReason
from brood.pods.envelope import open_envelope
from brood.pods.failure import is_ended, waiting
from brood.pods.listing import ListingError, read_listing
from brood.pods.results import needs_log, read_result
from brood.pods.text import MESSAGE_LENGTH, one_line, with_last_lines
from brood.views import Artifact
from tests.unit.pods.sandbox import ended_pod, pod_view

NUMBER = st.integers(0, 3_000_000).map(str)
HEADER = st.builds(
    "brood1 n0nce {} {} {} {} {} {} {}\n".format,
    st.sampled_from(["0", "3", "-", "137", "x"]),
    st.sampled_from(["c", "n", "?"]),
    *[st.sampled_from(["0", "1", "5", "2000", "1048577"])] * 5,
)
MESSAGE = st.builds("{}{}".format, HEADER | st.just(""), st.text(max_size=60))
LOG = st.none() | st.binary(max_size=80) | st.binary(max_size=80).map(lambda data: b"\nn0nce\n" + data + b"\nn0nce.\n")
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..")
)
PATH = st.lists(NAME, min_size=1, max_size=3).map("/".join)


@given(
    message=MESSAGE,
    log=LOG,
    code=st.sampled_from([0, 1, 137, 255]),
    nonce=st.sampled_from(["", "n0nce"]),
    captures=st.booleans(),
)
def test_reading_a_result_never_fails(
    message: str, log: bytes | None, code: int, nonce: str, *, captures: bool
) -> None:
    pod = ended_pod(code, message, nonce=nonce, captures=captures)
    asked = needs_log(pod)
    assert asked is None or asked.limit_bytes > 0
    result = read_result(pod, log)
    assert len(result.message) <= MESSAGE_LENGTH
    assert "\n" not in result.message
    assert (result.reason is None) == (result.message == "")
    if result.reason is TaskReason.EXIT_CODE:
        assert result.exit_code not in (None, 0)


@given(
    phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"]),
    reason=st.text(max_size=20),
    disruption=st.text(max_size=20),
    why=st.sampled_from(["", "ImagePullBackOff", "InvalidImageName", "CreateContainerError", "New"]),
    node=st.none() | st.just("n"),
    deleting=st.booleans(),
)
def test_every_pod_either_goes_on_or_has_ended(
    *, phase: str, reason: str, disruption: str, why: str, node: str | None, deleting: bool
) -> None:
    pod = pod_view(
        phase=phase,
        reason=reason,
        disruption=disruption,
        waiting_reason=why,
        node=node,
        meta={"deleting": deleting},
    )
    told = waiting(pod)
    assert told is None or told[0]
    if is_ended(pod):
        assert read_result(pod).reason is not None  # a container that nobody saw exit with 0 is no success


@given(st.dictionaries(PATH, st.integers(0, 10**15), max_size=6))
def test_a_list_of_files_is_read_as_it_was_written(files: dict[str, int]) -> None:
    content = b">*//\n" + b"".join(f"={size} ./{path}//\n".encode() for path, size in files.items())
    ordered = sorted(files, key=str.encode)
    assert read_listing(content).files == tuple(Artifact(path, files[path]) for path in ordered)


@given(st.binary(max_size=60))
def test_a_list_that_is_not_one_is_refused(content: bytes) -> None:
    try:
        read_listing(content)
    except ListingError as error:
        assert str(error)  # noqa: PT017 - both ends are fine


@given(st.text(max_size=400), st.binary(max_size=3000))
def test_messages_are_one_short_line(said: str, log: bytes) -> None:
    for line in (one_line(said), with_last_lines("exit code 3", log)):
        assert len(line) <= MESSAGE_LENGTH
        assert len(line.splitlines()) <= 1


def test_colours_and_carriage_returns_are_left_out_of_messages() -> None:
    log = b"frame 1\rframe 2\r\n\x1b[31;1merror:\x1b[0m  bad\tthing\x07\n\n"
    assert with_last_lines("exit code 1", log) == "exit code 1: frame 1 | frame 2 | error: bad thing"


def test_only_the_runner_with_this_pods_nonce_is_believed() -> None:
    message = "brood1 n0nce 0 n 0 0 0 0 0\n"
    assert open_envelope(message, nonce="n0nce") is not None
    assert open_envelope(message, nonce="other") is None
    assert open_envelope(f" {message}", nonce="n0nce") is None
