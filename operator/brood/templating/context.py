"""What the names of an expression stand for, in one run."""

from collections.abc import Iterator, Mapping
from typing import Final

from brood.templating.access import Missing
from brood.templating.errors import absent
from brood.templating.values import OutputText

RUN_FIELDS: Final = ("name", "namespace", "uid", "root")
TASK_FIELDS: Final = ("phase", "exitCode", "output", "outputs", "artifacts")
ROOTS: Final = ("params", "run", "tasks", "outputs", "item", "index")
"""Every name that an expression may begin with (contract, section 1.3)."""


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""No item: the templates are not in `params` of a parallel task. (``None`` is the item ``null``.)"""

_EMPTY: Final[Mapping[str, Mapping[str, object]]] = {}


class Context:
    """The values that the templates of one run can name.

    The mappings are not copied and must not change while the context lives.

    Parameters
    ----------
    params
        Final params of the run.
    run
        ``name``, ``namespace``, ``uid`` and ``root``.
    tasks
        By task name: ``phase``, ``exitCode``, ``output``, ``outputs`` (name to text) and ``artifacts`` (a list of
        ``url``, ``path``, ``size``). What a task does not have (yet) is left out, and is an error when named.
    outputs
        By the name that a task's ``output`` field declares. Give `OutputText` objects where several contexts share a
        large one, so that it is parsed once.
    item, index
        Of one item of a parallel task; leave out everywhere else.
    """

    __slots__ = ("_texts", "index", "item", "outputs", "params", "run", "tasks")

    def __init__(
        self,
        *,
        params: Mapping[str, str | int],
        run: Mapping[str, str],
        tasks: Mapping[str, Mapping[str, object]] = _EMPTY,
        outputs: Mapping[str, str | OutputText] | None = None,
        item: object = ABSENT,
        index: int | None = None,
    ) -> None:
        self.params: Final = params
        self.run: Final = run
        self.tasks: Final = tasks
        self.outputs: Final[Mapping[str, str | OutputText]] = {} if outputs is None else outputs
        self.item: Final = item
        self.index: Final = index
        self._texts: dict[tuple[str, ...], OutputText] = {}

    def with_item(self, item: object, index: int) -> "Context":
        """Return the same context for one item of a parallel task."""
        derived = Context(
            params=self.params, run=self.run, tasks=self.tasks, outputs=self.outputs, item=item, index=index
        )
        derived._texts = self._texts
        return derived

    def param(self, name: str) -> object:
        """Return a param, or what is missing."""
        if name in self.params:
            return self.params[name]
        return Missing(lambda: absent("params", name, self.params))

    def run_field(self, name: str) -> object:
        """Return a fact about the run."""
        if name in self.run:
            return self.run[name]
        return Missing(lambda: absent("run", name, self.run))

    def output(self, name: str) -> object:
        """Return an output by its declared name, or what is missing."""
        if name in self.outputs:
            return self.text(self.outputs[name], "output", name)
        return Missing(lambda: absent("outputs", name, self.outputs))

    def task_field(self, task: str, field: str) -> object:
        """Return a field of a task, its outputs as texts that can be walked, or what is missing."""
        known = self.tasks.get(task)
        if known is None:
            return Missing(lambda: absent("tasks", task, self.tasks))
        if field not in known or (value := known[field]) is ABSENT:
            return Missing(lambda: absent(f"tasks.{task}", field, known))
        if field == "output" and isinstance(value, str | OutputText):
            return self.text(value, "task", task)
        if field == "outputs" and isinstance(value, Mapping):
            return _TaskOutputs(self, task, value)
        return value

    def item_value(self) -> object:
        """Return the item, or what is missing."""
        return Missing(lambda: _ONLY_ITEMS.format("item")) if self.item is ABSENT else self.item

    def item_index(self) -> object:
        """Return the item's index, or what is missing."""
        return Missing(lambda: _ONLY_ITEMS.format("index")) if self.index is None else self.index

    def text(self, value: str | OutputText, *key: str) -> OutputText:
        """Return an output as the one object of this context that stands for it, so that it is parsed once."""
        if isinstance(value, OutputText):
            return value
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = OutputText(value)
        return text


class _TaskOutputs(Mapping[str, OutputText]):
    """The outputs of one task: a large one may have to be fetched, so only those that are named are looked at."""

    def __init__(self, context: Context, task: str, outputs: Mapping[str, str | OutputText]) -> None:
        self._context, self._task, self._outputs = context, task, outputs

    def __contains__(self, name: object) -> bool:
        return name in self._outputs

    def __getitem__(self, name: str) -> OutputText:
        return self._context.text(self._outputs[name], "task", self._task, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)


_ONLY_ITEMS: Final = "{} exists only in params of a parallel task; there are: params, run, tasks, outputs"
