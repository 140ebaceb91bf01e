"""Volumes of a Pod as directories and files at the places where a container would find them mounted."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from brood.cluster.local.directories import ensure_directory
from brood.cluster.local.environment import Find
from brood.cluster.local.layout import LocalLayout
from brood.cluster.local.starting import Missing, Unstartable
from brood.cluster.port import Kind, Manifest


def claims(pod: Manifest) -> Iterator[str]:
    """Yield the names of the claims that a Pod mounts."""
    for volume in pod["spec"].get("volumes") or ():
        if source := volume.get("persistentVolumeClaim"):
            yield source["claimName"]


def lay_out(pod: Manifest, *, layout: LocalLayout, find: Find) -> None:
    """Make everything that the containers of a Pod mount.

    A volume is a directory at its first mount path; another path of the same volume, and a path that is not where a
    claim's directory lies, is a symbolic link. ``readOnly`` is not enforced: there is no mount.

    Raises
    ------
    Missing
        A ConfigMap is not there yet.
    Unstartable
        A volume, or a path outside of the state directory, that the local cluster cannot offer.
    """
    meta, spec = pod["metadata"], pod["spec"]
    own = layout.pod_directory(meta["namespace"], meta["name"])
    ensure_directory(own)
    volumes = {volume["name"]: volume for volume in spec.get("volumes") or ()}
    homes: dict[str, Path] = {}
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        for mount in container.get("volumeMounts") or ():
            place = _place(mount["mountPath"], layout)
            name = mount["name"]
            if name not in homes:
                homes[name] = _home(
                    volumes[name], place=place, mount=mount, own=own, layout=layout, namespace=meta["namespace"]
                )
                _fill(volumes[name], homes[name], namespace=meta["namespace"], find=find)
            _mount(homes[name], place, mount)


def _place(path: str, layout: LocalLayout) -> Path:
    place = Path(path)
    if ".." in place.parts or not place.is_relative_to(layout.state):
        raise Unstartable(
            f"cannot mount a volume at {path}: on the local cluster there is no mount outside of {layout.state}, "
            "use $BROOD_WORKDIR or another directory below it"
        )
    return place


def _home(
    volume: Mapping[str, Any], *, place: Path, mount: Mapping[str, Any], own: Path, layout: LocalLayout, namespace: str
) -> Path:
    if source := volume.get("persistentVolumeClaim"):
        return layout.volume_directory(namespace, source["claimName"])
    if mount.get("subPath"):
        return own / "mounts" / str(volume["name"])
    return place


def _fill(volume: Mapping[str, Any], home: Path, *, namespace: str, find: Find) -> None:
    ensure_directory(home)
    if volume.get("persistentVolumeClaim") is not None or "emptyDir" in volume:
        return
    if source := volume.get("configMap"):
        _project(source, home, namespace=namespace, find=find)
    elif source := volume.get("projected"):
        for part in source.get("sources") or ():
            if "configMap" not in part:
                raise Unstartable(f"volume {volume['name']}: {', '.join(part)} is not there on the local cluster")
            _project(part["configMap"], home, namespace=namespace, find=find)
    else:
        kinds = ", ".join(key for key in volume if key != "name") or "no source"
        raise Unstartable(f"volume {volume['name']}: {kinds} is not there on the local cluster")


def _project(source: Mapping[str, Any], home: Path, *, namespace: str, find: Find) -> None:
    name = source["name"]
    try:
        config_map = find(Kind.CONFIG_MAP, namespace, name)
    except Missing:
        if source.get("optional"):
            return
        raise
    contents: dict[str, bytes] = {key: text.encode() for key, text in (config_map.get("data") or {}).items()}
    contents |= {key: base64.b64decode(text) for key, text in (config_map.get("binaryData") or {}).items()}
    items = source.get("items")
    wanted = {item["path"]: item["key"] for item in items} if items else {key: key for key in contents}
    for path, key in wanted.items():
        if key not in contents:
            if source.get("optional"):
                continue
            raise Unstartable(f"configmap references non-existent config key: {key}")
        if ".." in Path(path).parts or Path(path).is_absolute():
            raise Unstartable(f"configmap {name}: path {path} leads out of the volume")
        ensure_directory((home / path).parent)
        (home / path).write_bytes(contents[key])


def _mount(home: Path, place: Path, mount: Mapping[str, Any]) -> None:
    if "subPath" not in mount and "subPathExpr" not in mount and home == place:
        return
    inside = Path(mount.get("subPath", ""))
    if inside.is_absolute() or ".." in inside.parts or "subPathExpr" in mount:
        raise Unstartable(f"cannot mount {mount['name']} at {place}: subPath must be a relative path without ..")
    target = home / inside
    if not target.exists():
        ensure_directory(target)
    if target == place or place.is_symlink() or place.exists():
        return
    ensure_directory(place.parent)
    place.symlink_to(target)
