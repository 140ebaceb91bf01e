"""Templates in program text: what they render to is run as code."""

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from brood.cli.advice.parts import Advice, Part, named
from brood.engine.graph import Node
from brood.templating import is_template

_SHELL: Final = re.compile(r"(?:ba|da|a|z|k|mk)?sh|busybox")
_INTERPRETER: Final = re.compile(rf"(?:{_SHELL.pattern}|python[\d.]*|perl|ruby|node|php)")
_FLAG: Final = re.compile(r"-[a-z]*[ce]|-r|--eval")
_SHELL_FLAG: Final = re.compile(r"-[a-z]*c")
_EXPRESSION: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_HARMLESS: Final = re.compile(r".*\|\s*int(?:\(.*\))?|index", re.DOTALL)
_QUOTED: Final = re.compile(r".*\|\s*quote", re.DOTALL)
_PLAIN: Final = re.compile(r"(?:params|outputs)\.(\w+)")

Word = tuple[str, str]  # path below the container, text


def shell_injection(part: Part) -> Iterator[Advice]:
    """Yield templates in programs: a param with a quote, a ``;`` or ``$(…)`` in it ends the author's text and begins its own."""
    for _, node in part.bodies():
        for field, text, shell in _programs(node):
            pasted = [one for one in _EXPRESSION.findall(text) if not _is_safe(one, shell=shell)]
            if not pasted:
                continue
            message = (
                f"what {{{{ {pasted[0]} }}}} renders to is run as code; {_way_out(pasted[0])}"
                f"{' or write it as {{ … | quote }}' if shell else ''}"
            )
            key, _, rest = field.partition("[")
            path = f"{part.place(node, key)}[{rest}"
            yield Advice(path, message, "shell-injection", task=named(node.task))


def _way_out(expression: str) -> str:
    plain = _PLAIN.fullmatch(expression)
    name = plain[1] if plain else "VALUE"
    given = "which every container has" if plain else 'with env: [{name: VALUE, value: "{{ … }}"}]'
    return f"take it from the environment, ${name}, {given}, hand it over as an argument of its own,"


def _is_safe(expression: str, *, shell: bool) -> bool:
    return bool(_HARMLESS.fullmatch(expression) or (shell and _QUOTED.fullmatch(expression)))


def _programs(node: Node) -> Iterator[tuple[str, str, bool]]:
    """Yield (path below the container, text, whether a shell reads it) of the templates that an interpreter runs."""
    words = [*_words(node, "command"), *_words(node, "args")]
    if not _words(node, "command") and len(words) > 1 and _SHELL_FLAG.fullmatch(words[0][1]):
        words.insert(0, ("command[0]", "sh"))  # what else would the image's entrypoint be
    shell = interpreted = False
    for at, (_, text) in enumerate(words):
        name = posixpath.basename(text)
        if _INTERPRETER.fullmatch(name):
            interpreted, shell = True, bool(_SHELL.fullmatch(name))
        elif interpreted and _FLAG.fullmatch(text) and at + 1 < len(words):
            field, program = words[at + 1]
            if is_template(program):
                yield field, program, shell
            return


def _words(node: Node, key: str) -> list[Word]:
    values = (node.task.container or {}).get(key)
    return [(f"{key}[{at}]", str(one)) for at, one in enumerate(values)] if isinstance(values, list) else []
