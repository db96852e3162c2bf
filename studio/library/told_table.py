"""What trainings found out of each arm, as a table on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from studio.core.files import Json
from studio.library.measured_arms import told


def show(found: Json, out: Console) -> None:
    """Of a result, or of what a card says was measured: a line an arm, and who read it; nothing where there is nothing."""
    if (shown := told(found)) is None:
        return
    heads, rows, reader = shown
    table = Table(*heads)
    for row in rows:
        table.add_row(*row)
    out.print(table)
    if reader:
        out.print(reader, markup=False, highlight=False)
