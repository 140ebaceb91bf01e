import sys

from brood.cluster.local.shelf import Shelf
from brood.cluster.port import Manifest
from tests.manifests import pod


def ended(number: int) -> Manifest:
    labels = {"brood.dev/definition": "video", "brood.dev/task": "encode"}
    return pod(
        f"pod-{number}",
        meta={"labels": labels, "uid": f"{number:032x}"},
        containers=[{"name": "main", "args": ["x" * 4000]}],
    )


def test_packed_objects_come_back_as_they_were() -> None:
    shelf = Shelf(warm=2)
    for number in range(50):
        shelf.put(("default", f"pod-{number}"), ended(number), ended=True)
    assert [shelf.get(key) for key in shelf] == [ended(number) for number in range(50)]


def test_living_objects_are_not_packed() -> None:
    shelf, alive = Shelf(warm=0), ended(0)
    shelf.put(("default", "pod-0"), alive, ended=False)
    assert shelf.get(("default", "pod-0")) is alive


def test_an_ended_object_of_a_fan_out_takes_a_fraction_of_its_size() -> None:
    shelf = Shelf(warm=0)
    for number in range(100):
        shelf.put(("default", f"pod-{number}"), ended(number), ended=True)
    packed = [one.data for one in shelf._objects.values() if not isinstance(one, dict)]
    assert len(packed) == 100
    assert sum(map(sys.getsizeof, packed)) / 100 < 400


def test_an_object_that_was_packed_can_be_written_and_removed() -> None:
    shelf = Shelf(warm=0)
    key = ("default", "pod-0")
    shelf.put(key, ended(0), ended=True)
    shelf.put(key, ended(1), ended=False)
    assert shelf.get(key) == ended(1)
    shelf.remove(key)
    assert (shelf.get(key), len(shelf)) == (None, 0)
