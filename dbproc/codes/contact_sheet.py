#!/usr/bin/env python3
"""Draw two images, or two IDX datasets, side by side with their difference: ``OLD NEW OUTPUT.png``."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import importlib
from collections.abc import Sequence
from typing import Any

from dbproc.codes.drawing.image import image
from dbproc.codes.drawing.view import colour_range, view
from dbproc.codes.idx.description import Field
from dbproc.codes.idx.idx_reader import IdxDataset, open_idx
from dbproc.codes.idx.refusal import run

NAME = "contact_sheet"
MOST_ROWS = 4
"""Fields of a dataset that are drawn."""
MOST_CELLS = 1200
"""Rows and columns of a panel: of larger arrays every second, third … is drawn."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if len(given) != 3:
        print(f"usage: {NAME} OLD NEW OUTPUT.png", file=sys.stderr)
        return 2
    return run(NAME, lambda: draw(*map(Path, given)))


def draw(old: Path, new: Path, output: Path) -> None:
    """Draw one row of three panels for each field: old, new, and new minus old."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    plot = importlib.import_module("matplotlib.pyplot")
    before, after = layers(old), layers(new)
    names = list(dict.fromkeys((*before, *after)))[:MOST_ROWS]
    figure, areas = plot.subplots(len(names), 3, figsize=(13, 4.2 * len(names)), dpi=90, layout="constrained")
    for row, name in zip(areas.reshape(len(names), 3), names, strict=True):
        _draw_row(figure, row, name, before.get(name), after.get(name))
    figure.savefig(output, format="png", metadata={"Software": None})


def layers(path: Path) -> dict[str, Any]:
    """What can be seen of a file, by name: arrays with rows downwards; colours, if any, are a last axis."""
    if path.suffix == ".idx":
        dataset = open_idx(path)
        return {field.name: _seen(dataset, field) for field in dataset.description.fields[:MOST_ROWS]}
    return {"image": image(path)}


def _seen(dataset: IdxDataset, field: Field) -> Any:
    """The rows of a field, the last one first; of a single line its one row."""
    seen = view(dataset, field)
    return seen.values[None] if seen.vertical is None else seen.values[::-1]


def _draw_row(figure: Any, row: Any, name: str, old: Any, new: Any) -> None:
    import numpy as np

    grey = [each for each in (old, new) if each is not None and each.ndim == 2]
    ranges = [colour_range(each) for each in grey] or [(0.0, 1.0)]
    low, high = min(each[0] for each in ranges), max(each[1] for each in ranges)
    for area, words, values in ((row[0], "old", old), (row[1], "new", new)):
        _show(figure, area, f"{name}: {words}", values, {"cmap": "viridis", "vmin": low, "vmax": high})
    if old is None or new is None or old.shape != new.shape:
        _show(figure, row[2], f"{name}: no difference can be drawn, the shapes are not the same", None, {})
        return
    step = new.astype(np.float64) - old.astype(np.float64)
    step = step if step.ndim == 2 else np.ma.masked_array(np.ma.abs(step).max(axis=-1))
    most = float(np.ma.masked_invalid(np.ma.abs(step)).max() or 0) or 1.0
    count = int(np.ma.filled(step != 0, False).sum())
    _show(figure, row[2], f"new − old: {count} differ", step, {"cmap": "RdBu_r", "vmin": -most, "vmax": most})


def _show(figure: Any, area: Any, title: str, values: Any, style: dict[str, Any]) -> None:
    area.set_title(title, fontsize=10)
    area.set_xticks([])
    area.set_yticks([])
    if values is None:
        return
    step = max(1, -(-max(values.shape[:2]) // MOST_CELLS))
    values = values[::step, ::step]
    if values.ndim == 3:
        area.imshow(_colours(values), interpolation="nearest")
    else:
        figure.colorbar(area.imshow(values, interpolation="nearest", aspect="auto", **style), ax=area, shrink=0.8)


def _colours(values: Any) -> Any:
    """Colour components between 0 and 1; two of them, grey and opacity, as grey."""
    import numpy as np

    data = np.asarray(values.data if values.shape[-1] in (3, 4) else values.data[..., :1].repeat(3, axis=-1))
    if data.dtype.kind in "iu":
        return (data / np.iinfo(data.dtype).max).astype(np.float64)
    return np.clip(data.astype(np.float64), 0, 1)


if __name__ == "__main__":
    sys.exit(main())
