"""What an API server's refusals mean: a table."""

from typing import Any

import orjson
import pytest

from brood.cluster.kubernetes.errors import PageExpired, error_of
from brood.cluster.port import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    TooManyRequests,
    Unavailable,
)
from tests.unit.kubernetes.server import status

UID = {"causes": [{"reason": "FieldValueInvalid", "field": "metadata.uid", "message": "field is immutable"}]}
SPEC = {"causes": [{"reason": "FieldValueInvalid", "field": "spec.params", "message": "is immutable"}]}


def read(code: int, body: Any, *, method: str = "GET", headers: dict[str, str] | None = None) -> ApiError:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return error_of(code, raw, headers=headers or {}, method=method)


@pytest.mark.parametrize(
    ("method", "code", "said", "meant"),
    [
        ("GET", 400, status(400, "the label selector is wrong"), Unavailable),
        ("POST", 400, status(400, 'strict decoding error: unknown field "spec.x"'), Invalid),
        ("POST", 400, status(400, 'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal'), Invalid),
        ("GET", 401, status(401, "Unauthorized"), Unavailable),
        ("POST", 403, status(403, "pods is forbidden"), Forbidden),
        ("GET", 404, status(404, "not found"), NotFound),
        ("GET", 404, b"404 page not found\n", NotFound),
        ("GET", 405, status(405, "method not allowed"), Unavailable),
        ("POST", 409, status(409, "already exists", reason="AlreadyExists"), AlreadyExists),
        ("POST", 409, status(409, "cannot be fulfilled on resourcequotas", reason="Conflict"), Unavailable),
        ("PATCH", 409, status(409, "has been modified", reason="Conflict"), Conflict),
        ("DELETE", 409, status(409, "UID in precondition", reason="Conflict"), Conflict),
        ("GET", 410, status(410, "too old resource version"), Expired),
        ("POST", 413, status(413, "Request entity too large"), Invalid),
        ("POST", 422, status(422, "is invalid", details=SPEC), Invalid),
        ("PATCH", 422, status(422, "is invalid", details=SPEC), Invalid),
        ("PATCH", 422, status(422, "is invalid", details=UID), Conflict),
        ("POST", 422, status(422, "is invalid", details=UID), Invalid),
        ("GET", 429, status(429, "too many requests"), TooManyRequests),
        ("POST", 500, status(500, "etcdserver: request is too large"), Invalid),
        ("POST", 500, status(500, "etcdserver: leader changed"), Unavailable),
        ("GET", 502, b"<html>Bad Gateway</html>", Unavailable),
        ("GET", 503, b"", Unavailable),
        ("GET", 504, status(504, "Timeout: Too large resource version"), Unavailable),
    ],
)
def test_each_answer_means_one_thing(method: str, code: int, said: Any, meant: type[ApiError]) -> None:
    error = read(code, said, method=method)
    if meant is Expired:
        assert isinstance(error, Expired)
    else:
        assert type(error) is meant
    if isinstance(said, dict):
        assert error.message == said["message"]


def test_what_is_no_status_is_told_with_its_code_and_cut() -> None:
    error = read(502, b"<html>" + b"x" * 100_000)
    assert error.message.startswith("502: <html>xxx")
    assert len(error.message) < 2000
    assert read(503, b"").message == "the server answered 503 without a message"
    assert read(500, b"\xff\xfe").message.startswith("500: ")
    assert read(500, [1, 2]).message == "500: [1,2]"


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({"Retry-After": "7"}, None, 7.0),
        ({"Retry-After": "1.5"}, {"retryAfterSeconds": 9}, 1.5),
        ({}, {"retryAfterSeconds": 9}, 9.0),
        ({}, {"retryAfterSeconds": None}, None),
        ({}, None, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None, None),
        ({"Retry-After": "-3"}, None, 0.0),
    ],
)
def test_how_long_to_wait_is_the_servers_word(
    headers: dict[str, str], details: dict[str, Any] | None, seconds: float | None
) -> None:
    for code in (429, 503):
        assert read(code, status(code, "busy", details=details), headers=headers).retry_after == seconds


def test_a_listing_that_took_too_long_can_go_on() -> None:
    error = read(410, status(410, "too old", metadata={"continue": "token"}))
    assert isinstance(error, PageExpired)
    assert error.token == "token"  # noqa: S105


def test_quota_and_terminating_namespaces_are_told_apart() -> None:
    quota = read(403, status(403, 'pods "x" is forbidden: exceeded quota: q, requested: pods=1'), method="POST")
    going = read(403, status(403, "unable to create new content in namespace t because it is being terminated"))
    assert isinstance(quota, Forbidden)
    assert isinstance(going, Forbidden)
    assert (quota.quota, quota.namespace_terminating) == (True, False)
    assert (going.quota, going.namespace_terminating) == (False, True)
