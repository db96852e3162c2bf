"""A comparison as one HTML file that opens offline (`library.html_report`): what was asked, and what came of it. No torch.

Pictures are inside, as many as fit; the page says how many do not. Its script is the same in every report and holds no text of a
run, and the page forbids itself to ask any address.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from studio.core.explain import count
from studio.core.files import Json
from studio.jobs.events import tail
from studio.jobs.jobs import Jobs
from studio.library.html_report import document, figure, table
from studio.library.shown_measures import titled
from studio.library.trade_off import sentences

KIND = "compare"
MOST_BYTES = 12_000_000  # of the file
USUAL = {"diversity": ("diversity", 2, False), "accuracy": ("accuracy", 0, True), "fd_oracle": ("FD-oracle", 1, False)}
TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
STYLE = """:root{color-scheme:light dark}.wide{overflow-x:auto}
.wall td,.wall th{border:0;padding:2px 6px 2px 0;vertical-align:middle}.wall button{all:unset;cursor:pointer;display:block}
.wall img{width:112px;height:112px;object-fit:contain;margin:0;border:2px solid transparent;image-rendering:auto}
.wall button:focus-visible img,.wall button.other img{border-color:#c2410c}.none{color:#64748b}
.strip img{display:none;width:auto;height:112px;max-width:100%;border:0}.strip img.on{display:block}
.strip input{width:min(28rem,70%)}.strip{margin:0 0 1rem}label{margin-right:1rem}
@media (prefers-color-scheme:dark){body{color:#e7e5e4;background:#171614}td,th{border-color:#3b3936}
.s,figcaption,.none{color:#a8a29e}a{color:#93c5fd}img{border-color:#3b3936}}"""
SCRIPT = """const one=document.querySelector('#beside'),said=document.querySelector('#seen');
const shots=[...document.querySelectorAll('.wall button')];
const find=(arm,seed)=>shots.find(b=>b.dataset.arm===arm&&b.dataset.seed===seed);
for(const b of shots){const img=b.querySelector('img'),own=img.src;
const show=()=>{const o=find(one.value,b.dataset.seed);if(!o||o===b)return;img.src=o.dataset.own;b.classList.add('other');
said.textContent=o.dataset.title+', seed '+b.dataset.seed+', in the place of '+b.dataset.title};
const back=()=>{img.src=own;b.classList.remove('other');said.textContent=''};
b.dataset.own=own;b.onpointerenter=b.onfocus=show;b.onpointerleave=b.onblur=back}
for(const s of document.querySelectorAll('.strip')){const r=s.querySelector('input');
const all=[...s.querySelectorAll('img')],o=s.querySelector('output');
if(r)r.oninput=()=>{all.forEach((img,i)=>img.classList.toggle('on',i===+r.value));
o.textContent=all[+r.value].alt}}"""

Picture = Callable[[str], bytes]


def of_run(jobs: Jobs, run_id: str) -> str:
    """The report of a comparison that has ended or goes on. ValueError where it is none, or nothing was drawn yet."""
    info = jobs.get(run_id)
    if info.kind != KIND:
        raise ValueError(f"Run {run_id} is a {info.kind} job; a report of this kind is of a comparison.")
    folder = jobs.paths.run(run_id).resolve()

    def picture(name: str) -> bytes:
        path = (folder / name).resolve()
        return path.read_bytes() if path.is_relative_to(folder) and path.is_file() else b""

    strips = _strips(_events(folder / "events.jsonl"))
    return report(run_id, info.title, jobs.spec(run_id).config, jobs.result(run_id), strips, picture)


def _events(path: Path) -> Iterator[Json]:
    found, offset = tail(path)
    while found:
        yield from found
        found, offset = tail(path, offset)


def report(
    run: str, title: str, request: Json, result: Json | None, strips: Mapping[str, Sequence[Json]], picture: Picture
) -> str:
    """strips: by arm, events of kind preview, in their order. picture: bytes of a file of the run, b"" where it is gone."""
    if not result or not result.get("arms"):
        raise ValueError("Nothing of this run is measured yet; a report needs an arm that is.")
    arms, budget = result["arms"], Budget(picture, MOST_BYTES)
    wall, moving = _wall(request, arms, budget), _moving(arms, strips, budget)
    parts = [f"<h1>{escape(request['prompt'])}</h1>", *(f'<p class="v">{escape(text)}</p>' for text in _said(result)),
             _about(run, request, result), _figures(arms), budget.said(), wall, moving, _plans(arms)]  # fmt: skip
    return document(f"Comparison: {title}", parts, style=STYLE, script=SCRIPT)


class Budget:
    """Hands out pictures as addresses that hold them, until a file would be too large."""

    def __init__(self, picture: Picture, most: int):
        self.picture, self.left, self.asked, self.dropped = picture, most, 0, 0

    def address(self, name: str) -> str:
        """ "" where it is gone, or does not fit any more."""
        kind, found = TYPES.get(name[name.rfind(".") :].lower(), ""), self.picture(name)
        if not kind or not found:
            return ""
        self.asked += 1
        address = f"data:{kind};base64,{base64.b64encode(found).decode()}"
        if len(address) > self.left:
            self.dropped += 1
            return ""
        self.left -= len(address)
        return address

    def said(self) -> str:
        if not self.dropped:
            return ""
        left = f"{self.dropped} of {count(self.asked, 'picture')} are left out"
        return f'<p class="s">{left}: one file holds {MOST_BYTES // 1_000_000} MB at most. The run has all of them.</p>'


def _strips(events: Iterable[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for event in events:
        if event.get("kind") == "preview" and event.get("strip"):
            found.setdefault(str(event["arm"]), []).append(event)
    return found


def _said(result: Json) -> Iterator[str]:
    """The engineer's sentence first, then what was computed of every arm."""
    by = next((str(row["figures_by"]) for row in result["arms"] if row.get("figures_by")), "")
    recovery = result.get("recovery") or []
    yield from sentences(result["arms"], recovery, "on the machine it ran on", by)
    yield from (str(entry["sentence"]) for entry in recovery if entry.get("sentence"))


def _about(run: str, request: Json, result: Json) -> str:
    models = ", ".join(f"{model.get('title') or name}" for name, model in (result.get("models") or {}).items())
    worn = ", ".join(f"{use['id']} at {use.get('strength', 1):g}" for use in request.get("adapters") or [])
    rows = [("Run", run), ("Prompt", str(request["prompt"])), ("Negative prompt", str(request.get("negative") or "")),
            ("Pair", str(request["pair"])), ("Models", models), ("Seeds", ", ".join(map(str, request["seeds"]))),
            ("Adapters", worn)]  # fmt: skip
    said = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows if value)
    notices = "".join(f"<p>{escape(str(text))}</p>" for text in result.get("notices") or [])
    return f"<table>{said}</table>{notices}"


def _figures(arms: Sequence[Json]) -> str:
    measured = [row.get("measures") or {} for row in arms]
    usual = {name: look for name, look in USUAL.items() if any(name in row for row in measured)}
    further = {name: look for name, look in titled(measured).items() if name not in usual}
    looks = [*usual.items(), *((name, (look["title"], look["digits"], look["percent"])) for name, look in further.items())]
    rows = [
        [
            row["label"],
            *(figure(found.get(name), digits, percent) for name, (_, digits, percent) in looks),
            f"{row['nfe']:g}",
            f"{row['seconds_per_image']:.3g} s",
        ]
        for row, found in zip(arms, measured, strict=True)
    ]
    by = next((str(row["figures_by"]) for row in arms if row.get("figures_by")), "")
    read = f"Read by the {by}. " if by else ""
    heads = ["", *(title for _, (title, _, _) in looks), "NFE", "a picture"]
    note = f'<p class="s">{escape(read)}Intervals are of 95 %. NFE: network evaluations a picture.</p>'
    return f'<h2>Figures</h2><div class="wide">{table(heads, rows)}</div>{note}'


def _wall(request: Json, arms: Sequence[Json], budget: Budget) -> str:
    """Column by column, so that what does not fit is missing of all arms alike."""
    paths = {(row["arm"], image["seed"]): image["path"] for row in arms for image in row["images"]}
    seeds = [int(seed) for seed in request["seeds"]]
    kept = {(row["arm"], seed): budget.address(paths.get((row["arm"], seed), "")) for seed in seeds for row in arms}
    shown = [seed for seed in seeds if any(kept[row["arm"], seed] for row in arms)]
    heads = "".join(f"<th>seed {seed}</th>" for seed in shown)
    lines = "".join(
        f"<tr><th>{escape(row['label'])}</th>{''.join(_shot(row, seed, kept[row['arm'], seed]) for seed in shown)}</tr>"
        for row in arms
    )
    choices = "".join(f'<option value="{escape(row["arm"])}">{escape(row["label"])}</option>' for row in arms)
    pick = f'<label>Point at a picture to see in its place <select id="beside">{choices}</select></label>'
    how = f'<p>{pick}<span id="seen" class="s" role="status"></span></p>'
    wall = f'<div class="wide"><table class="wall"><tr><th></th>{heads}</tr>{lines}</table></div>'
    return f"<h2>The same seeds, arm by arm</h2>{how}{wall}"


def _shot(row: Json, seed: int, address: str) -> str:
    if not address:
        return '<td class="none">not here</td>'
    label = escape(row["label"])
    own = f'data-arm="{escape(row["arm"])}" data-seed="{seed}" data-title="{label}"'
    return f'<td><button type="button" {own}><img alt="{label}, seed {seed}" src="{address}"></button></td>'


def _moving(arms: Sequence[Json], strips: Mapping[str, Sequence[Json]], budget: Budget) -> str:
    """What each arm believed the finished pictures to be, step by step."""
    found = []
    for row in arms:
        frames = [(one, budget.address(str(one["strip"]))) for one in strips.get(row["arm"], [])]
        frames = [(one, address) for one, address in frames if address]
        if len(frames) < 2:
            continue
        images = "".join(_frame(one, address, i == len(frames) - 1) for i, (one, address) in enumerate(frames))
        last, label = len(frames) - 1, escape(row["label"])
        way = f'<input type="range" min="0" max="{last}" value="{last}" aria-label="Step of {label}">'
        at = _step(frames[-1][0])
        found.append(f'<div class="strip"><b>{label}</b> {way} <output class="s">{at}</output>{images}</div>')
    if not found:
        return ""
    about = "What the model believes the finished pictures to be (x̂0), all seeds side by side, at the steps that were kept."
    return f'<h2>Step by step</h2><p class="s">{about}</p>{"".join(found)}'


def _frame(event: Json, address: str, shown: bool) -> str:
    return f'<img class="{"on" if shown else ""}" alt="{_step(event)}" src="{address}">'


def _step(event: Json) -> str:
    return f"step {int(event['step'])} of {int(event['steps'])}"


def _plans(arms: Sequence[Json]) -> str:
    rows = [[row["label"], "; then ".join(map(_segment, row["plan"].get("segments") or []))] for row in arms]
    return f"<h2>Plans</h2>{table(['', 'who takes which steps'], rows)}"


def _segment(segment: Json) -> str:
    times, guidance = segment.get("timesteps") or [], segment.get("guidance")
    way = f"t = {times[0]:g} to {times[-1]:g}" if len(times) > 1 else f"t = {times[0]:g}" if times else ""
    guided = f"guidance {guidance:g}" if isinstance(guidance, (int, float)) else ""
    named = f"{segment.get('model')}: {count(len(times), 'step')} by {segment.get('rule')}"
    return ", ".join(filter(None, [named, way, guided]))
