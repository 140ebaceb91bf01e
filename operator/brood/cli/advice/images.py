"""Images and resources: what a cluster needs to know of a container."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from brood.api.container import MAIN_CONTAINER
from brood.cli.advice.parts import Advice, Part, named, parts_of
from brood.cli.findings import Severity
from brood.engine.graph import Node
from brood.templating import is_template

_TAG: Final = re.compile(r":(?P<tag>[\w][\w.-]*)$")
_NEEDED: Final = ("cpu", "memory")
_SHOWN: Final = 5


def missing_image(part: Part) -> Iterator[Advice]:
    """`brood run` ignores images; a cluster cannot. Said once of all tasks that have none."""
    without = [one for one in _everywhere(part) if not _image(one[1]) and not _main(one[1]).get("image")]
    if without:
        path, first = without[0]
        message = (
            f"a cluster refuses {_list([node for _, node in without])}: no image; set container.image, or "
            "taskDefaults.container.image for all "
            "(brood run ignores images)"
        )
        yield Advice(path, message, "missing-image", task=named(first.task))


def unpinned_image(part: Part) -> Iterator[Advice]:
    """Yield each image once for each place where it is written."""
    told: set[str] = set()
    for _, node in part.bodies():
        for path, image in _images(part, node):
            if path in told or is_template(image) or _is_pinned(image):
                continue
            told.add(path)
            message = f"{image} may be another image tomorrow; name a version ({_untagged(image)}:1.2) or a digest (@sha256:…)"
            shared = path.startswith("spec.taskDefaults")
            yield Advice(path, message, "unpinned-image", Severity.ADVICE, task="" if shared else named(node.task))


def missing_resources(part: Part) -> Iterator[Advice]:
    """Without requests the scheduler packs a node full, and the kernel kills what is in the way. Said once for all tasks."""
    lacking = [(path, node) for path, node in _everywhere(part) if _missing(node)]
    if lacking:
        path, nodes = lacking[0][0], [node for _, node in lacking]
        what = " and ".join(one for one in _NEEDED if any(one in _missing(node) for node in nodes))
        message = (
            f"no request of {what} in {_list(nodes)}; set resources: {{requests: {{cpu: 100m, memory: 64Mi}}}} "
            "in its container, or in taskDefaults.container for all"
        )
        yield Advice(path, message, "missing-resources", Severity.ADVICE, task=named(nodes[0].task))


def _everywhere(part: Part) -> Iterator[tuple[str, Node]]:
    """Yield what the definition and its local ones have of Pods; nothing for a local one, lest it is told twice."""
    for one in parts_of(part.spec) if part.root else ():
        yield from one.bodies()


def _list(nodes: Sequence[Node]) -> str:
    shown = ", ".join(node.name for node in nodes[:_SHOWN])
    more = f" and {len(nodes) - _SHOWN} more" if len(nodes) > _SHOWN else ""
    return f"task{'s' if len(nodes) > 1 else ''} {shown}{more}"


def _image(node: Node) -> str:
    image = (node.task.container or {}).get("image")
    return image if isinstance(image, str) else ""


def _images(part: Part, node: Node) -> Iterator[tuple[str, str]]:
    if _image(node):
        yield part.place(node, "image"), _image(node)
    for key in ("initContainers", "containers"):
        for at, container in enumerate(_containers(node, key)):
            image = container.get("image")
            if isinstance(image, str) and image:
                yield f"{part.path_of(node)}.podTemplate.spec.{key}[{at}].image", image


def _containers(node: Node, key: str) -> Iterator[Mapping[str, JsonValue]]:
    spec = _object(node.task.pod_template, "spec")
    listed = spec.get(key)
    for one in listed if isinstance(listed, list) else ():
        yield one if isinstance(one, dict) else {}


def _main(node: Node) -> Mapping[str, JsonValue]:
    """Return what the podTemplate says of the container ``main``."""
    return next((one for one in _containers(node, "containers") if one.get("name") == MAIN_CONTAINER), {})


def _is_pinned(image: str) -> bool:
    if "@" in image:
        return True
    tag = _TAG.search(image)
    return tag is not None and tag["tag"] != "latest"


def _untagged(image: str) -> str:
    return _TAG.sub("", image)


def _missing(node: Node) -> list[str]:
    """Return the resources that a task neither requests nor limits, which is a request too."""
    given: set[str] = set()
    for holder in (node.task.container, _main(node), _object(node.task.pod_template, "spec")):
        resources = _object(holder, "resources")
        given |= {*_object(resources, "requests"), *_object(resources, "limits")}
    return [one for one in _NEEDED if one not in given]


def _object(holder: Mapping[str, JsonValue] | None, key: str) -> Mapping[str, JsonValue]:
    found = (holder or {}).get(key)
    return found if isinstance(found, dict) else {}
