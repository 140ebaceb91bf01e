"""One run, seen from its templates: what the tests of this folder render in."""

import json
from typing import Any, Final

from brood.templating import Context, OutputText, Value, compile_template

RUN: Final = {"name": "encode-42", "namespace": "media", "uid": "0b7e", "root": "encode-42"}

AGGREGATE: Final[dict[str, Any]] = {
    "summary": {"total": 10, "succeeded": 8, "failed": 2, "cancelled": 0, "skipped": 0},
    "results": [{"parameters": "10", "status": "success", "output": {"CALC": "100"}}],
    "outputs": [{"CALC": "100"}, {"CALC": "400"}],
}

SAMPLE: Final = Context(
    params={"ENV": "prod", "NAME": "two words", "N": 3, "EMPTY": "", "LIST": "a,b,,c", "PATH_": "/in/dir/video.mp4"},
    run=RUN,
    tasks={
        "split": {
            "phase": "Succeeded",
            "exitCode": 0,
            "output": "part-1\npart-2",
            "outputs": {"COUNT": "2", "META": '{"codec": "vp9", "rates": [30, 29.97]}'},
            "artifacts": [
                {"url": "file:///vol/split/video.1", "path": "video.1", "size": 11},
                {"url": "file:///vol/split/video.2", "path": "video.2", "size": 12},
            ],
        },
        "get-items": {"phase": "Failed", "exitCode": 3},
    },
    outputs={
        "R": json.dumps(AGGREGATE, indent=1),
        "TEXT": "plain text",
        "JSON_LIST": "[1, 2, 3]",
        "NUMBER": OutputText("42"),
        "BROKEN": '{"a": ',
        "EMPTY": "",
    },
)

ITEM: Final = SAMPLE.with_item({"REGION": "eu", "size": 2, "keys": "k", "nested": [1, [2]]}, 7)


def render(source: str, context: Context = ITEM) -> Value:
    """Compile and render a field named `f`."""
    return compile_template(source, field="f").render(context, field="f")
