"""A drawing as a Mermaid flowchart, for Markdown."""

from brood.cli.graph.model import Box, Drawing
from brood.cli.graph.palette import FILLS


def as_mermaid(drawing: Drawing) -> list[str]:
    """Return its lines; states become classes."""
    lines = ["flowchart LR"]
    for at, box in enumerate(drawing.boxes):
        lines.append(f'  t{at}["{_text(box)}"]' + (f":::{box.phase}" if box.phase else ""))
    for edge in drawing.edges:
        arrow = f"-. {edge.label} .->" if edge.label else "-->"
        lines.append(f"  t{edge.source} {arrow} t{edge.target}")
    phases = sorted({box.phase for box in drawing.boxes if box.phase})
    classes = [f"  classDef {one} fill:{FILLS[one].light},stroke:{FILLS[one].line},color:#111" for one in phases]
    return lines + classes


def _text(box: Box) -> str:
    parts = [box.name, *(f"<i>{_escaped(one)}</i>" for one in (box.note, box.phase) if one)]
    return "<br/>".join(parts)


def _escaped(text: str) -> str:
    return text.replace('"', "#quot;").replace("<", "&lt;")
