"""A report as one HTML file that opens offline: no addresses, pictures inside. No torch.

Texts of people are in it, so it forbids itself to ask any address; a script is what it is given, which holds no text of a run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1e293b;background:#fff}
table{border-collapse:collapse;margin:.6rem 0}td,th{padding:.2rem .8rem .2rem 0;text-align:left;border-bottom:1px solid #e2e8f0}
td.n{font-variant-numeric:tabular-nums}.v{font-size:1.15rem;border-left:4px solid #c2410c;padding-left:1rem}
.s{color:#64748b}img{width:72px;height:72px;margin:1px;border:2px solid #e2e8f0}img.hit{border-color:#c2410c}
figure{display:inline-block;margin:.3rem 1rem .3rem 0;vertical-align:top;max-width:11rem}
figure.row{max-width:none}figcaption{color:#64748b;font-size:.85rem}"""


POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def document(title: str, body: Sequence[str], style: str = "", script: str = "") -> str:
    """body: HTML that is escaped already. style, script: that it needs besides, the same for every run."""
    own = f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    policy = f"{POLICY}; script-src {own}" if script else POLICY
    view = '<meta name="viewport" content="width=device-width">'
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">{view}'
    head += f"<title>{escape(title)}</title><style>{STYLE}{style}</style>"
    last = f"<script>{script}</script>" if script else ""
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}{last}</body></html>\n'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first cell of a row is its head."""
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    lines = []
    for first, *rest in rows:
        cells = "".join(f'<td class="n">{escape(cell)}</td>' for cell in rest)
        lines.append(f"<tr><th>{escape(first)}</th>{cells}</tr>")
    return f"<table><tr>{top}</tr>{''.join(lines)}</table>"


def figure(measure: object, digits: int = 2, percent: bool = False) -> str:
    """ "0.81 [0.74 to 0.88]", "96 % [89 to 99]", or a dash with the reason where there is no value."""
    found = measure if isinstance(measure, Mapping) else {"value": measure}
    value, low, high = (found.get(end) for end in ("value", "low", "high"))
    if not isinstance(value, (int, float)):
        return f"– ({found['note']})" if found.get("note") else "–"
    shown, unit = (100 if percent else 1), " %" if percent else ""
    ends = [f"{shown * end:.{digits}f}" for end in (low, high) if isinstance(end, (int, float))]
    return f"{shown * value:.{digits}f}{unit}" + (f" [{' to '.join(ends)}]" if len(ends) == 2 else "")


def picture(png: bytes, about: str, hit: bool = False) -> str:
    """hit: framed, as what is looked for."""
    shown = base64.b64encode(png).decode()
    return f'<img class="{"hit" if hit else ""}" alt="{escape(about)}" src="data:image/png;base64,{shown}">'
