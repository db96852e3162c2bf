"""What trainings found out of each arm, as a table on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from studio.core.files import Json
from studio.library.measured_arms import told

WIDEST = 1000  # columns a table may ask for


def show(found: Json, out: Console) -> None:
    """Of a result, or of what a card says was measured: a line an arm, and who read it; nothing where there is nothing."""
    if (shown := told(found)) is None:
        return
    heads, rows, reader = shown
    lay_out(heads, rows, out)
    if reader:
        out.print(reader, markup=False, highlight=False)


def lay_out(heads: Sequence[str], rows: Sequence[Sequence[str]], out: Console) -> None:
    """Rows as lines of one table; on a terminal that is too narrow for these, each as a table of a figure a line."""
    table = Table(*heads)
    for row in rows:
        table.add_row(*row)
    if Measurement.get(out, out.options.update(width=WIDEST), table).maximum <= out.width:
        out.print(table)
        return
    for title, *figures in rows:
        table = Table(heads[0], title)
        for head, figure in zip(heads[1:], figures, strict=True):
            table.add_row(head, figure)
        out.print(table)
