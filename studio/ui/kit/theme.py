"""The look: warm paper, ink for controls, and colour kept for the arms."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from studio.jobs.paths import ASSETS
from studio.library.remedies import REMEDIES
from studio.ui.kit import arms

LOOK = ASSETS / "ui"

PAPER = gr.themes.Color(
    name="paper",
    c50="#fbfaf7",
    c100="#f5f3ee",
    c200="#e8e5dc",
    c300="#d6d2c6",
    c400="#a9a498",
    c500="#7d786c",
    c600="#5d594f",
    c700="#403d36",
    c800="#292723",
    c900="#1c1b18",
    c950="#131210",
)


INK, LIGHT = arms.INK, arms.LIGHT
VALUES = {
    "body_background_fill": "*neutral_100",
    "body_background_fill_dark": "*neutral_950",
    "body_text_color": INK,
    "body_text_color_dark": LIGHT,
    "body_text_color_subdued": "*neutral_600",
    "body_text_color_subdued_dark": "*neutral_400",
    "block_background_fill": "transparent",
    "block_background_fill_dark": "transparent",
    "block_border_width": "0px",
    "block_shadow": "none",
    "block_padding": "0px",
    "block_label_background_fill": "transparent",
    "block_label_border_width": "0px",
    "block_title_text_weight": "600",
    "block_title_text_color": "*neutral_700",
    "block_title_text_color_dark": "*neutral_200",
    "block_info_text_color": "*neutral_600",
    "block_info_text_color_dark": "*neutral_400",
    "button_primary_background_fill": INK,
    "button_primary_background_fill_hover": "#000000",
    "button_primary_text_color": "#ffffff",
    "button_primary_background_fill_dark": LIGHT,
    "button_primary_background_fill_hover_dark": "#ffffff",
    "button_primary_text_color_dark": INK,
    "button_primary_border_color": "transparent",
    "button_primary_border_color_dark": "transparent",
    "button_secondary_background_fill": "#ffffff",
    "button_secondary_background_fill_dark": "*neutral_800",
    "button_secondary_border_color": "*neutral_300",
    "button_secondary_border_color_dark": "*neutral_700",
    "button_border_width": "1px",
    "button_large_radius": "8px",
    "button_medium_radius": "8px",
    "slider_color": INK,
    "slider_color_dark": LIGHT,
    "color_accent": INK,
    "checkbox_background_color_selected": INK,
    "checkbox_background_color_selected_dark": "#8d877a",
    "checkbox_border_color_selected": INK,
    "checkbox_border_color_focus": "*neutral_500",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_dark": "transparent",
    "checkbox_label_background_fill_selected": "transparent",
    "checkbox_label_background_fill_selected_dark": "transparent",
    "checkbox_label_border_width": "0px",
    "checkbox_label_padding": "0px",
    "input_background_fill": "*neutral_50",
    "input_background_fill_dark": "*neutral_800",
    "input_border_width": "1px",
    "input_border_color": "*neutral_200",
    "input_border_color_dark": "*neutral_700",
    "input_border_color_focus": "*neutral_500",
    "input_border_color_focus_dark": "*neutral_500",
    "input_shadow_focus": "none",
    "layout_gap": "14px",
    "form_gap_width": "0px",
    "container_radius": "12px",
    "block_radius": "0px",
}


def theme() -> gr.themes.Base:
    """Gradio's own components in the studio's colours; `assets/ui/kit/studio.css` does the rest."""
    base = gr.themes.Base(
        primary_hue=PAPER,
        secondary_hue=PAPER,
        neutral_hue=PAPER,
        radius_size="sm",
        spacing_size="sm",
        text_size="sm",
        font=["Inter", "ui-sans-serif", "system-ui", "sans-serif"],
        font_mono=["JetBrains Mono", "ui-monospace", "monospace"],
    )
    return base.set(**VALUES)


def css(all_arms: list[str], sheets: Sequence[str]) -> str:
    """The style sheet: arm colours first, then these sheets of `assets/ui` as they cascade, then the chips' colours."""
    page = "\n".join((LOOK / f"{name}.css").read_text(encoding="utf-8") for name in sheets)
    groups = ":is(#arms, #live-arms, #scrub-arms, #control-arms)"
    chips = arms.chip_css(groups, all_arms), arms.chip_css("#remedies", list(REMEDIES))
    return "\n".join([arms.css_variables(), page, *chips])


def template(name: str) -> str:
    """A markup of `assets/ui`, of a component without values: "lab/cards" is `assets/ui/lab/cards.html`."""
    return (LOOK / f"{name}.html").read_text(encoding="utf-8")
