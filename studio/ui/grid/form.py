"""The form of a grid: what all cells have in common, and up to three axes, each a setting and its values as text."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr
from gradio.components import Component

from studio.capabilities.grid.estimate import Paces, estimate, signature
from studio.capabilities.grid.request import ARM, NAMES, GridRequest, cells
from studio.capabilities.grid.settings import Setting, named, of_schema, offered
from studio.capabilities.grid.values import said, typed, written
from studio.core.explain import explain
from studio.core.files import Json
from studio.domains import domain_of
from studio.library.adapter_uses import AdapterUse
from studio.library.adapters import load_adapters
from studio.library.models import Pair, load_registry
from studio.library.remedies import REMEDIES
from studio.ui.grid.grid_runs import Grids
from studio.ui.kit import messages, pairs, parts
from studio.ui.kit.arms import title as arm_title
from studio.ui.kit.draw_form import QUIET, DrawForm
from studio.ui.kit.updates import Shown, Updates, Values

START = {"seeds": "2", "teacher_steps": 10, "arms": [ARM]}
BEGIN = (("arms", "teacher, student, hybrid-1"), ("teacher_guidance", "1..5 step 2"), ("", ""))
TITLES = ("X axis: across", "Y axis: down", "Z axis: a page each")
LIKE = "1, 2, 4 or 1..7 step 2"


class GridForm(DrawForm):
    """Builds its cards inside an open `gr.Blocks`."""

    def __init__(self, grids: Grids):
        super().__init__(grids.jobs, "grid-", START)
        self.grids, self.paces = grids, Paces(grids.jobs)
        with gr.Column(elem_classes="card fields"):
            self.build_prompt()
        with gr.Column(elem_classes="card fields grid-axes"):
            self.axes = [self._axis(i) for i in range(len(NAMES))]
        with gr.Column(elem_classes="card fields"):
            self.build_pair("Arm")
            self.build_seeds()
        self._build_more()

    def _axis(self, i: int) -> tuple[gr.Dropdown, gr.Textbox, gr.HTML]:
        begin, text = BEGIN[i]
        choices = self.choices(self.first)
        setting = gr.Dropdown(
            choices, value=begin, label=TITLES[i], elem_id=f"grid-{NAMES[i]}", elem_classes="drop", allow_custom_value=True
        )
        values = gr.Textbox(
            text,
            label=f"Values of {NAMES[i].upper()}",
            show_label=False,
            container=False,
            placeholder=LIKE,
            lines=1,
            max_lines=6,
            elem_id=f"grid-{NAMES[i]}-values",
            elem_classes="figure",
        )
        return setting, values, parts.text(f"grid-{NAMES[i]}-line", self.line(begin, text))

    def _build_more(self) -> None:
        with gr.Accordion("More that all cells have", open=False, elem_id="grid-more", elem_classes="card"):
            self.adapters = gr.Textbox(
                "",
                label="Adapters",
                max_lines=2,
                elem_id="grid-adapters",
                placeholder="mine/size=1.5@first",
                elem_classes="figure",
            )
            with gr.Row(elem_classes="pair-of"):
                self.base_guidance = gr.Number(1, label="Base guidance", step=0.5, min_width=100, elem_id="grid-base-guidance")
                self.rho = gr.Number(1, label="Noise modulation", step=0.1, min_width=100, elem_id="grid-rho")
            self.off_recipe = gr.Checkbox(False, label="Allow off-recipe use", elem_id="grid-off-recipe")
            self.student_steps = gr.Textbox(  # Gradio's field of numbers shows 0 where it is empty
                "",
                label="Student steps",
                max_lines=1,
                elem_id="grid-student-steps",
                elem_classes="figure",
                info="empty is the student's own recipe",
            )
            self.build_asked()

    def arms_field(self, choices: Sequence[tuple[str, str]], value: Sequence[str], label: str) -> Component:
        return gr.Dropdown(
            self.arm_choices(self.first),
            value=value[0] if value else ARM,
            label=label,
            allow_custom_value=True,
            elem_id="grid-arms",
            elem_classes="drop",
        )

    # -- what there is to choose from ------------------------------------------------------------------------------

    def arm_choices(self, pair: Pair | None) -> list[tuple[str, str]]:
        fixed = pairs.arm_choices(pairs.student_steps(pair))
        return [*((arm_title(arm), arm) for _, arm in fixed), *((remedy.title, arm) for arm, remedy in REMEDIES.items())]

    def choices(self, pair: Pair | None) -> list[tuple[str, str]]:
        """Settings for an axis: what the request has, strengths of adapters that fit, what stands beside the prompt."""
        entries = load_adapters(self.jobs.paths).entries.values() if pair is not None else ()
        fit = [
            (entry.id, entry.title)
            for entry in entries
            if entry.available and pair and (entry.fits(pair.teacher) or entry.fits(pair.student))
        ]
        return [("none", ""), *((one.title, one.name) for one in offered(fit, _inputs(pair)))]

    def line(self, setting: str, text: str) -> str:
        """What is said under the values of an axis: how many there are, or what is wrong with them."""
        if not setting:
            return ""
        try:
            one = named(setting)
            values = typed(one, text)
        except ValueError as error:
            return messages.problem(error, "grid")
        shown = ", ".join(said(one, value) for value in values)
        many = "1 value" if len(values) == 1 else f"{len(values)} values"
        return parts.line(f"{many}: {shown[:140]}{'…' if len(shown) > 140 else ''}", "hint")

    # -- what it holds ---------------------------------------------------------------------------------------------

    def inputs(self) -> list[Component]:
        axes = [component for setting, values, _ in self.axes for component in (setting, values)]
        more = [self.adapters, self.base_guidance, self.rho, self.off_recipe, self.student_steps]
        return [*super().inputs(), *axes, *more]

    def counted(self) -> Shown:
        return {*super().counted(), *([self.grids.shown] if self.grids.shown is not None else [])}

    def filled(self) -> Shown:
        return {*super().filled(), *(line for _, _, line in self.axes)}

    def asked(self, values: Values) -> Json:
        """The form as a request of kind "grid". ValueError in one sentence where a field cannot be read."""
        axes = []
        for setting, text, _ in self.axes:
            if name := str(values[setting] or ""):
                axes.append({"setting": name, "values": typed(named(name), str(values[text] or ""))})
        if not axes:
            raise ValueError("No axis is chosen; a setting for the columns, with its values, would fit.")
        return {"draw": self.request(values), "axes": axes}

    def request(self, values: Values) -> Json:
        """What all cells have in common."""
        arm = str(values[self.arms] or ARM)
        draw = super().request({**values, self.arms: [arm]})
        return draw | {
            "arms": [arm],
            "adapters": str(values[self.adapters] or ""),
            "base_guidance": 1.0 if values[self.base_guidance] is None else values[self.base_guidance],
            "rho": 1.0 if values[self.rho] is None else values[self.rho],
            "off_recipe": bool(values[self.off_recipe]),
            "student_steps": str(values[self.student_steps] or "").strip() or None,
        }

    def fill(self, request: Json) -> Updates:
        """request: of kind "grid"."""
        draw = request["draw"]
        pair, arms = self.pair_of(draw.get("pair")), draw.get("arms") or [ARM]
        updates = super().fill(draw) | {
            self.arms: gr.Dropdown(choices=self.arm_choices(pair), value=arms[0]),
            self.adapters: " ".join(str(AdapterUse.model_validate(use)) for use in draw.get("adapters") or []),
            self.base_guidance: draw.get("base_guidance", 1.0),
            self.rho: draw.get("rho", 1.0),
            self.off_recipe: bool(draw.get("off_recipe")),
            self.student_steps: str(draw.get("student_steps") or ""),
        }
        axes = [*request["axes"], *[{"setting": "", "values": []}] * len(NAMES)]
        for (setting, values, line), axis in zip(self.axes, axes, strict=False):
            name = str(axis["setting"])
            text = written(named(name), axis["values"]) if name else ""
            updates |= {
                setting: gr.Dropdown(choices=self._with(pair, name), value=name),
                values: text,
                line: self.line(name, text),
            }
        return updates

    def _with(self, pair: Pair | None, name: str) -> list[tuple[str, str]]:
        """The choices, and one that is not among them because what it is of is not here."""
        found = self.choices(pair)
        return found if name in [one for _, one in found] else [*found, (named(name).title, name)]

    # -- events ----------------------------------------------------------------------------------------------------

    def wire(self) -> None:
        super().wire()
        for setting, values, line in self.axes:
            gr.on([setting.change, values.change], self.line, [setting, values], line, trigger_mode="always_last", **QUIET)

    def chosen(self) -> Shown:
        return {*super().chosen(), *(setting for setting, _, _ in self.axes)}

    def choose_pair(self, values: Values) -> Updates:
        pair, arm = self.pair_of(values[self.pair]), str(values[self.arms] or ARM)
        updates = super().choose_pair({**values, self.arms: [arm]})
        updates[self.arms] = gr.Dropdown(choices=self.arm_choices(pair), value=arm)
        names = [(setting, str(values[setting] or "")) for setting, _, _ in self.axes]
        return updates | {setting: gr.Dropdown(choices=self._with(pair, name), value=name) for setting, name in names}

    def estimate(self, values: Values) -> Updates:
        """What the grid would cost, or in one sentence why it does not fit."""
        try:
            return {self.cost: parts.line(estimate(self.jobs, self.paces, self.asked(values), self._there(values)), "hint")}
        except ValueError as error:
            return {self.cost: parts.line(messages.in_form(explain(error, GridRequest), "grid"), "notice")}

    def _there(self, values: Values) -> set[str]:
        """Cells that the grid which is shown has drawn."""
        run_id = str(values.get(self.grids.shown) or "") if self.grids.shown is not None else ""
        if not run_id:
            return set()
        try:
            view, _ = self.grids.look(run_id)
            request = GridRequest.model_validate(view.request)
        except (ValueError, KeyError):
            return set()
        context = {"registry": load_registry(self.jobs.paths), "home": self.jobs.paths}
        return {signature(cell) for cell in cells(request, context) if view.has(cell.at)}

    def build_cost(self) -> None:
        begin: Json = {
            "draw": {
                "prompt": "any",
                "pair": self.first.id if self.first else "",
                "seeds": self.start["seeds"],
                "teacher_steps": self.start["teacher_steps"],
            },
            "axes": [{"setting": setting, "values": text} for setting, text in BEGIN if setting],
        }
        try:
            said = parts.line(estimate(self.jobs, self.paces, begin), "hint")
        except ValueError:  # there is no pair yet
            said = ""
        self.cost = parts.text("grid-cost", said)


def _inputs(pair: Pair | None) -> dict[str, Setting]:
    """What stands beside the prompt of a pair's models."""
    if pair is None:
        return {}
    inputs = domain_of(pair.student.domain).inputs
    return {name: of_schema(f"given.{name}", one.schema, one.title) for name, one in inputs.items()}
