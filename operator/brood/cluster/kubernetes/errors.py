"""What an API server's refusal means to the operator."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

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

LONGEST_TEXT: Final = 1000
"""So much is kept of an answer that is no Status: a proxy's page, say."""

BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
GONE: Final = 410
TOO_LARGE: Final = 413
UNPROCESSABLE: Final = 422
TOO_MANY: Final = 429

_UNREADABLE: Final = ("strict decoding error", "cannot be handled as a")
"""Words of a 400 that says that the object itself cannot be read."""

_TOO_LARGE_FOR_ETCD: Final = "request is too large"
"""Words of a 500 of an object that no further try makes smaller (etcd's limit of 1.5 MiB)."""


class PageExpired(Expired):
    """410 in the middle of a listing.

    ``token`` continues it with the remaining objects as they are now; empty where the server offers none.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, token: str = "") -> None:
        super().__init__(message, retry_after=retry_after)
        self.token = token


def error_of(code: int, body: bytes, *, headers: Mapping[str, str], method: str) -> ApiError:
    """Return the port's error for an HTTP answer of 400 or more.

    ``message`` is the server's own: ``Status.message``, or the text of an answer that is no Status.
    """
    return error_of_status(_status(body, code=code), code=code, headers=headers, method=method)


def error_of_status(
    status: Mapping[str, Any], *, code: int, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> ApiError:
    """Return the port's error for a Status object, from an answer or from within a watch."""
    message = str(status.get("message") or f"the server answered {code} without a message")
    wait = _retry_after(status, headers or {})
    match code:
        case 422 if method == "PATCH" and _names_uid(status):
            return Conflict(message, retry_after=wait)  # it is another object than the one that was meant
        case _ if code in (UNPROCESSABLE, TOO_LARGE) or _is_poison(code, message):
            return Invalid(message, retry_after=wait)
        case 403:
            return Forbidden(message, retry_after=wait)
        case 404:
            return NotFound(message, retry_after=wait)
        case 409 if method != "POST":
            return Conflict(message, retry_after=wait)
        case 409 if status.get("reason") == "AlreadyExists":
            return AlreadyExists(message, retry_after=wait)
        case 410:
            token = (status.get("metadata") or {}).get("continue") or ""
            return PageExpired(message, retry_after=wait, token=token)
        case 429:
            return TooManyRequests(message, retry_after=wait)
        case _:  # among them a 409 at a create by a quota that others change too: nothing was made
            return Unavailable(message, retry_after=wait)


def _names_uid(status: Mapping[str, Any]) -> bool:
    """Whether a 422 is about ``metadata.uid``, which differed: some types say so instead of 409."""
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return any(isinstance(cause, dict) and cause.get("field") == "metadata.uid" for cause in causes or ())


def _is_poison(code: int, message: str) -> bool:
    """Whether the object itself is at fault although the code does not say so."""
    if code == BAD_REQUEST:
        return any(words in message for words in _UNREADABLE)
    return code not in (FORBIDDEN, TOO_MANY) and _TOO_LARGE_FOR_ETCD in message


def _status(body: bytes, *, code: int) -> Mapping[str, Any]:
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        read = None
    if isinstance(read, dict) and read.get("kind") == "Status":
        return read
    text = body[:LONGEST_TEXT].decode("utf-8", "replace").strip()
    return {"message": f"{code}: {text}"} if text else {}


def _retry_after(status: Mapping[str, Any], headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the server asks to wait; dates, which API servers do not send, are passed over."""
    details = status.get("details")
    asked = headers.get("Retry-After") or (details.get("retryAfterSeconds") if isinstance(details, dict) else None)
    try:
        return max(0.0, float(asked)) if asked is not None else None
    except (TypeError, ValueError):
        return None
