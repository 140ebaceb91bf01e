"""Why a Pod cannot be started, now or ever."""

from brood.cluster.port import Kind


class Unstartable(Exception):
    """The container can never be started; the Pod fails. ``str()`` is the message for people."""


class Missing(Exception):
    """Something that the Pod refers to is not there yet; it waits until it is."""

    def __init__(self, kind: Kind, namespace: str, name: str) -> None:
        resource = {Kind.CLAIM: "persistentvolumeclaim", Kind.CONFIG_MAP: "configmap"}[kind]
        super().__init__(f'{resource} "{name}" not found')
        self.kind = kind
        self.namespace = namespace
        self.name = name
