"""The scrubber: a component of the page, and the same thing as one file that needs neither page nor server."""

from __future__ import annotations

import base64
import html
import json

import gradio as gr

from studio.capabilities.scrub import exports
from studio.core.files import Json, atomic_write
from studio.jobs.events import FINAL
from studio.jobs.jobs import Jobs
from studio.ui.kit import arms, scripts
from studio.ui.kit.exports import saving
from studio.ui.kit.theme import LOOK, template
from studio.ui.scrub.scrub_runs import Scrubs

SCRIPT = "scrub/scrub"
FONTS = {"Inter": "inter.woff2", "JetBrains Mono": "jetbrains-mono.woff2"}


def scrubber(jobs: Jobs) -> gr.HTML:
    """value = `Scrubs.board()`. Triggers "branch" with {"run", "arm", "step", …} and "states" with {"run"}."""
    take = Take(jobs)

    def take_away(wish: object = None) -> Json:
        """Make a file of a run: {"run", "what", "kind", "sync", "arm", "seed"} -> {"url", "name"} or {"problem"}."""
        return take.away(wish if isinstance(wish, dict) else {})

    return gr.HTML(
        {"run": None},
        html_template=template("scrub/scrub"),
        js_on_load=scripts.mounted(SCRIPT, "branch", "states"),
        server_functions=[take_away, saving(take.scrubs.to_save)],
        apply_default_css=False,
        elem_id="scrubber",
    )


class Take:
    """Files made from a run that has ended."""

    def __init__(self, jobs: Jobs):
        self.jobs, self.scrubs = jobs, Scrubs(jobs)

    def away(self, wish: Json) -> Json:
        try:
            name = self._make(wish)
        except (ValueError, KeyError, TypeError, OSError) as error:
            return {"problem": str(error) or "This file could not be made."}
        return {"url": f"run-file/{wish['run']}/artifacts/export/{name}", "name": f"studio-{name}"}

    def _make(self, wish: Json) -> str:
        run_id = str(wish.get("run"))
        info = self.jobs.get(run_id)
        if info.kind != "scrub" or info.state not in FINAL:
            raise ValueError("Not all pictures of this run are there yet; wait until it is done.")
        folder, sync = self.jobs.paths.run(run_id), str(wish.get("sync") or "noise")
        seed = None if wish.get("seed") in (None, "") else int(wish["seed"])
        if wish.get("what") == "sheet":
            return exports.contact_sheet(folder, int(wish["seed"]), sync).name
        if wish.get("what") == "page":
            return self._page(run_id)
        return exports.animation(folder, str(wish.get("kind")), sync, str(wish.get("arm") or ""), seed).name

    def _page(self, run_id: str) -> str:
        path = self.jobs.paths.run(run_id) / "artifacts" / "export" / "scrub.html"
        if not path.is_file():
            exports.open_reel(self.jobs.paths.run(run_id))  # says so when pictures are missing
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, offline_page(self.jobs, self.scrubs.board(run_id)), durable=False)
        return path.name


def offline_page(jobs: Jobs, board: Json) -> str:
    """One file that scrubs from disk: strips, figures, style and script inside, nothing fetched."""
    folder = jobs.paths.run(str(board["run"]))
    names = {name for row in board["rows"] for name in (*row["strips"], *row["noisy"]) if name}
    names |= {board["timeline"]} if board["timeline"] else set()
    files = {name: base64.b64encode((folder / name).read_bytes()).decode() for name in sorted(names)}
    faces = "".join(
        f'@font-face{{font-family:"{name}";font-weight:100 900;src:url(data:font/woff2;base64,{_font(file)}) format("woff2")}}'
        for name, file in FONTS.items()
    )
    style = "\n".join(
        line for name in ("kit/studio", "scrub/scrub") for line in _css(name).splitlines() if not line.startswith("@font-face")
    )
    title = html.escape(f"{board['prompt']} · Distillation Studio")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{faces}{arms.css_variables()}
:root {{ --font: Inter, system-ui, sans-serif; --font-mono: "JetBrains Mono", ui-monospace, monospace; }}
{style}
body {{ margin: 0; background: var(--paper); color: var(--ink); font-family: var(--font); }}
main {{ max-width: 1240px; margin: 0 auto; padding: 20px 24px 40px; box-sizing: border-box; }}
.sc-branch-card, .sc-exports {{ display: none !important; }} .sc-under {{ grid-template-columns: minmax(0, 1fr); }}
@media (max-width: 820px) {{ main {{ padding: 14px; }} }}</style></head>
<body><main><div id="scrubber">{template("scrub/scrub")}</div></main>
<script type="importmap">{_inline({"imports": _modules()})}</script>
<script type="module">
import {{ mount }} from "{SCRIPT}.js";
document.body.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);
const studioScrubFiles = {_inline(files)};
const element = document.getElementById("scrubber"), props = {{ value: {_inline(board)} }}, nothing = () => {{}};
mount({{ element, props, trigger: nothing, watch: nothing, server: {{}}, events: [] }}, studioScrubFiles);
</script></body></html>
"""


def _modules() -> dict[str, str]:
    """Name -> address of every script of the scrubber, with the script inside the address: a page on a disk may fetch none."""
    return {name: _module(name) for name in scripts.needed(SCRIPT)}


def _module(name: str) -> str:
    named = scripts.IMPORTED.sub(
        lambda found: found[0].replace(found[1], scripts.resolved(name, found[1])), scripts.scripts()[name]
    )
    return f"data:text/javascript;base64,{base64.b64encode(named.encode()).decode()}"


def _css(name: str) -> str:
    return (LOOK / f"{name}.css").read_text(encoding="utf-8")


def _font(file: str) -> str:
    return base64.b64encode((LOOK / "fonts" / file).read_bytes()).decode()


def _inline(value: object) -> str:
    """JSON inside a script element: nothing in it can end the element."""
    return (
        json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )
