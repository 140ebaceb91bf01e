"""Writes the tables of docs/performance.md and the picture of growth anew from bench/results: ``python -m bench.page``."""

# ruff: noqa: INP001 - a folder of scripts

import json
from collections.abc import Iterator
from typing import Any

from bench import figures, plots

PAGE = figures.PROJECT / "docs" / "performance.md"
PICTURE = figures.PROJECT / "docs" / "pictures" / "growth.svg"
BEGIN, END = "<!-- from bench/results: {} -->", "<!-- end -->"

WORDS = {
    ("T1", "step_over_pod_ms"): "chain: each further step, over the bare Pod, ms",
    ("T1-real", "step_over_pod_ms"): "chain of 5 on a real node: each further step, over the bare Pod, ms",
    ("T2", "ratio"): "items, 100 at a time: makespan over that of an Indexed Job",
    ("T2", "writes_per_item"): "API writes per item",
    ("T2", "parent_writes_per_s"): "writes of the parent's status a second",
    ("T2", "parent_own_kb"): "stored size of the parent beside its params, KiB",
    ("T3", "rate_ratio"): "one-task runs at once: rate over that of bare Pods",
    ("T3", "writes_per_run"): "API writes per run of one task",
    ("T3", "events_per_run"): "Events per run",
    ("T4", "empty_ready_s"): "start of the operator on an empty cluster: ready, s",
    ("T4", "full_ready_s"): "start over finished runs with a Pod each: ready, s",
    ("T4", "full_peak_mb"): "… memory, MB",
    ("T7", "plan_256_tasks_ms"): "plan of a run with 256 tasks, ms",
    ("T7", "event_of_10000_items_ms"): "plan of a parent with 10,000 items, ms per event",
    ("T8", "task_over_bare_ms"): "`brood run`, chain of 20: each task over its bare process, ms",
    ("T8", "items_s"): "`brood run`, 1,000 items 100 at a time, s",
    ("T8", "items_peak_mb"): "… memory, MB",
    ("T8", "help_s"): "`brood --help`, s",
    ("T9", "memory_growth"): "soak: memory of the last over the second quarter",
    ("FAIR", "delay_s"): "one-task run beside a large fan-out: later start, s",
}

Kept = tuple[dict[str, Any], list[figures.Figures]]
"""The machine's facts, and the rounds of one scenario."""


def newest() -> dict[str, list[Kept]]:
    """Return what was measured of each scenario, the newest first."""
    found: dict[str, list[Kept]] = {}
    for file in figures.FOLDER.glob("*.json"):
        kept = json.loads(file.read_text(encoding="utf-8"))
        for scenario, rounds in kept["results"].items():
            found.setdefault(scenario, []).append((kept["machine"], rounds))
    for kept_ones in found.values():
        kept_ones.sort(key=lambda one: str(one[0]["when"]), reverse=True)
    return found


def budgets(found: dict[str, list[Kept]]) -> Iterator[str]:
    """Yield a table of the budgets and the newest figures."""
    yield "| | what | measured | budget | | n | load, commit |"
    yield "|---|---|---|---|---|---|---|"
    for scenario, limits in figures.BUDGETS.items():
        for name, limit in limits.items():
            with_it = [one for one in found.get(scenario, ()) if name in one[1][0]]
            what, wanted = WORDS[scenario, name], f"{'≥' if limit < 0 else '≤'} {abs(limit):g}"
            if not with_it:
                yield f"| {scenario} | {what} | | {wanted} | not measured | | |"
                continue
            machine, rounds = with_it[0]
            values = [one[name] for one in rounds]
            middle = figures.median(rounds, name)
            spread = f" ({min(values):g} … {max(values):g})" if len(values) > 1 else ""
            verdict = "holds" if figures.holds(middle, limit) else "**does not hold**"
            number = rounds[0].get("items") or rounds[0].get("runs") or ""
            where = f"{machine['load']:g}, {machine['commit']}"
            yield f"| {scenario} | {what} | {middle:g}{spread} | {wanted} | {verdict} | {number} | {where} |"


def by_size(found: dict[str, list[Kept]], scenario: str, needs: str) -> dict[int, figures.Figures]:
    """Return the newest figures of each number of items, ascending."""
    sizes: dict[int, figures.Figures] = {}
    for _, rounds in found.get(scenario, ()):
        for one in rounds:
            if needs in one:
                sizes.setdefault(one["items"], one)
    return dict(sorted(sizes.items()))


def growth(found: dict[str, list[Kept]]) -> Iterator[str]:
    """Yield a table of fan-outs by their size: what grows with n, and what does not."""
    yield "| items | s | ms an item | over the Indexed Job | operator, CPU ms an item | writes an item | MB | parent, KiB |"
    yield "|---|---|---|---|---|---|---|---|"
    for items, one in by_size(found, "T2", "parent_own_kb").items():
        ratio = f"{one['ratio']:g}" if "ratio" in one else ""
        seconds, each = one["brood_s"], 1000 * one["brood_s"] / items
        shown = (items, seconds, round(each, 1), ratio, one["cpu_ms_per_item"], one["writes_per_item"], one["peak_mb"])
        yield f"| {' | '.join(map(str, shown))} | {one['parent_own_kb']:g} |"


def picture(found: dict[str, list[Kept]]) -> str:
    """Return the same as a drawing, beside the controller on the local store."""
    cluster, store = by_size(found, "T2", "parent_own_kb"), by_size(found, "STORE", "cpu_ms_per_item")

    def lines(name: str, in_store: str | None = None) -> dict[str, plots.Points]:
        drawn = {"cluster": {n: one[name] for n, one in cluster.items()}}
        return {**drawn, "local store": {n: one[in_store] for n, one in store.items()}} if in_store and store else drawn

    seconds = {
        "cluster": {n: 1000 * one["brood_s"] / n for n, one in cluster.items()},
        **({"local store": {n: 1000 * one["seconds"] / n for n, one in store.items()}} if store else {}),
    }
    return plots.svg(
        [
            plots.Panel("ms per item", seconds),
            plots.Panel("CPU of the operator, ms per item", lines("cpu_ms_per_item", "cpu_ms_per_item")),
            plots.Panel("memory, MB", lines("peak_mb", "rss_mb")),
            plots.Panel("the parent as stored, KiB", lines("parent_own_kb")),
        ]
    )


def main() -> None:
    """Put the tables between their marks, and the picture where the page shows it."""
    text, found = PAGE.read_text(encoding="utf-8"), newest()
    for name, lines in (("budgets", budgets(found)), ("growth", growth(found))):
        before, begin, rest = text.partition(BEGIN.format(name))
        _, end, after = rest.partition(END)
        table = "\n".join(lines)
        text = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    PAGE.write_text(text, encoding="utf-8")
    PICTURE.write_text(picture(found), encoding="utf-8")


if __name__ == "__main__":
    main()
