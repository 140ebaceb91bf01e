"""What a command says where it does not get what it wants of an API server: what is wrong, and the way out."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from brood.cli.findings import CommandError
from brood.cli.options import Where
from brood.cli.reach import Reach, at


@contextmanager
def answering(code: int, message: str) -> Iterator[int]:
    """Give the port of a server that answers everything so."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"kind": "Status", "status": "Failure", "message": message, "code": code}).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def refusal(where: Where) -> str:
    async def look(reach: Reach) -> int:
        await reach.run("encode-42")
        return 0

    with pytest.raises(CommandError) as caught:
        at(where, look)
    return str(caught.value)


def kubeconfig(tmp_path: Path, port: int) -> str:
    file = tmp_path / "kubeconfig"
    there = {"cluster": {"server": f"http://127.0.0.1:{port}"}, "name": "c"}
    user = {"name": "u", "user": {"token": "t"}}
    context = {"name": "here", "context": {"cluster": "c", "user": "u"}}
    file.write_text(
        json.dumps({"clusters": [there], "users": [user], "contexts": [context], "current-context": "here"})
    )
    return str(file)


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        (401, "Unauthorized", ["does not accept the credentials", "--kubeconfig"]),
        (403, 'jobruns is forbidden: User "u" cannot get', ['User "u" cannot get', "ask for that right", "-n"]),
        (404, "the server could not find the requested resource", ["does not know JobRuns", "apply -f crds/"]),
        (500, "etcd is away", ["gives no answer: etcd is away"]),
    ],
)
def test_a_refusal_of_the_server_is_told_with_the_way_out(
    tmp_path: Path, code: int, message: str, told: list[str]
) -> None:
    with answering(code, message) as port:
        said = refusal(Where(kubeconfig=kubeconfig(tmp_path, port)))
    assert [one for one in told if one not in said] == [], said


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with answering(200, "") as port:
        pass
    said = refusal(Where(kubeconfig=kubeconfig(tmp_path, port)))
    assert f"127.0.0.1:{port}" in said
    assert "--context" in said


def test_a_kubeconfig_or_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = refusal(Where(kubeconfig=str(tmp_path / "none")))
    assert str(tmp_path / "none") in said
    assert "brood run" in said
    said = refusal(Where(kubeconfig=kubeconfig(tmp_path, 1), context="there"))
    assert "there" in said
    assert "--context" in said
