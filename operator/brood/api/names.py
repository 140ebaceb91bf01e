"""Names of what brood makes: predictable, so that a second try after a crash meets the object of the first."""

import base64
import hashlib
import re
from functools import lru_cache
from typing import Final

PREFIX_LENGTH: Final = 52
HASH_LENGTH: Final = 10


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
    return re.sub(r"[^a-z0-9-]", "-", text.lower()).strip("-") or "x"


def short_hash(text: str) -> str:
    """Return 10 lower-case base32 characters of the text's sha256."""
    digest = hashlib.sha256(text.encode()).digest()[:10]  # encoding all of it would take four times as long
    return base64.b32encode(digest).decode().lower()[:HASH_LENGTH]
