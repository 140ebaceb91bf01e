"""Names of what brood makes: predictable, so that a second try after a crash meets the object of the first."""

import hashlib
import re
from functools import lru_cache
from typing import Final

PREFIX_LENGTH: Final = 52
HASH_LENGTH: Final = 10

_OTHERS: Final = re.compile("[^a-z0-9-]")
_UNUSED_BITS: Final = 64 - 5 * HASH_LENGTH
_BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = [one + other for one in _BASE32 for other in _BASE32]
"""Two characters by ten bits: base64.b32encode, which is Python, takes as long as all the rest of a name."""


@lru_cache(maxsize=4096)  # who asks for an object, and who reads it each time that it changes, want the same name
def object_name(run: str, run_uid: str, *, task: str, index: int | None, attempt: int) -> str:
    """Return the name of the Pod or child run of one attempt, a DNS-1123 label of at most 63 characters.

    Contract §2: "``<run>-<task>[-<index>]``, cut to 52 characters, + ``-`` + 10 base32 characters of
    sha256(run uid, task, index, attempt)."
    """
    readable = f"{run}-{task}" if index is None else f"{run}-{task}-{index}"
    seed = "\0".join((run_uid, task, "" if index is None else str(index), str(attempt)))
    return f"{dns_label(readable)[:PREFIX_LENGTH].rstrip('-')}-{short_hash(seed)}"


def pod_name(run: str, run_uid: str, *, task: str, handler: bool, attempt: int) -> str:
    """Return the name of an attempt's Pod; a handler's never equals a task's, whose name holds no slash."""
    return object_name(run, run_uid, task=f"{task}/handler" if handler else task, index=None, attempt=attempt)


def content_name(run: str, run_uid: str, *parts: str) -> str:
    """Return the name of an object of a run that holds this very content."""
    return f"{dns_label(run)[:PREFIX_LENGTH].rstrip('-')}-{short_hash(chr(0).join((run_uid, *parts)))}"


def dns_label(text: str) -> str:
    """Return text as a DNS-1123 label, uncut: lower case, whatever else is not allowed becomes ``-``."""
    return _OTHERS.sub("-", text.lower()).strip("-") or "x"


def short_hash(text: str) -> str:
    """Return 10 lower-case base32 characters of the text's sha256."""
    bits = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> _UNUSED_BITS
    return "".join([_PAIRS[bits >> shift & 1023] for shift in (40, 30, 20, 10, 0)])
