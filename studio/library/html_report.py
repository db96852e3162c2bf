"""A report as one HTML file that opens offline: no scripts, no addresses, pictures inside. No torch."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1e293b;background:#fff}
table{border-collapse:collapse;margin:.6rem 0}td,th{padding:.2rem .8rem .2rem 0;text-align:left;border-bottom:1px solid #e2e8f0}
td.n{font-variant-numeric:tabular-nums}.v{font-size:1.15rem;border-left:4px solid #c2410c;padding-left:1rem}
.s{color:#64748b}img{width:72px;height:72px;margin:1px;border:2px solid #e2e8f0}img.hit{border-color:#c2410c}
figure{display:inline-block;margin:.3rem 1rem .3rem 0;vertical-align:top;max-width:11rem}
figure.row{max-width:none}figcaption{color:#64748b;font-size:.85rem}"""


def document(title: str, body: Sequence[str]) -> str:
    """body: HTML that is escaped already."""
    view = '<meta name="viewport" content="width=device-width">'
    head = f'<meta charset="utf-8">{view}<title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first cell of a row is its head."""
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    lines = []
    for first, *rest in rows:
        cells = "".join(f'<td class="n">{escape(cell)}</td>' for cell in rest)
        lines.append(f"<tr><th>{escape(first)}</th>{cells}</tr>")
    return f"<table><tr>{top}</tr>{''.join(lines)}</table>"


def picture(png: bytes, about: str, hit: bool = False) -> str:
    """hit: framed, as what is looked for."""
    shown = base64.b64encode(png).decode()
    return f'<img class="{"hit" if hit else ""}" alt="{escape(about)}" src="data:image/png;base64,{shown}">'
