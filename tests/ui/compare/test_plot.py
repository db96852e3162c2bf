"""The figure: both panels, intervals, one colour per arm, names that do not cover each other."""

from __future__ import annotations

import json
import re
from typing import Any

import plotly.graph_objects as go

from studio.ui.compare import plot


def row(arm: str, nfe: float, diversity: float | None, accuracy: float | None = 0.9) -> dict[str, Any]:
    def around(value: float | None) -> dict[str, Any]:
        ends = {"low": None, "high": None} if value is None else {"low": value - 0.1, "high": value + 0.05}
        return {"value": value, **ends}

    measures = {"diversity": around(diversity), "accuracy": around(accuracy), "world_diversity": 0.85}
    return {"arm": arm, "title": arm.capitalize(), "nfe": nfe, "seconds": 0.1, "measures": measures}


ROWS = [row("teacher", 50, 0.84), row("student", 4, 0.47), row("hybrid-1", 4, 0.73), row("skip-first", 3, 0.75)]


def test_it_is_a_valid_plotly_figure_with_an_accuracy_for_every_diversity() -> None:
    text = plot.cost_figure(ROWS)
    go.Figure(json.loads(re.sub(r'"--[a-z0-9-]+"', '"#123456"', text)))  # plotly checks every property and value
    figure = json.loads(text)
    top = [trace for trace in figure["data"] if trace["yaxis"] == "y"]
    bottom = [trace for trace in figure["data"] if trace["yaxis"] == "y2"]
    assert len(top) == len(bottom) == 4
    assert [t["x"] for t in top] == [b["x"] for b in bottom]
    assert top[1]["marker"]["color"] == "--arm-student"
    assert abs(top[1]["error_y"]["arrayminus"][0] - 0.1) < 1e-9
    assert abs(bottom[0]["error_y"]["array"][0] - 5) < 1e-9
    assert figure["layout"]["shapes"][0]["y0"] == 0.85


def test_arms_of_equal_cost_stand_side_by_side_around_it() -> None:
    a, b, c, d = plot.spread_out([4, 4, 50, 4])
    assert a < b < d
    assert a < 4 < d
    assert b == 4
    assert c == 50


def test_nothing_measured_draws_nothing() -> None:
    assert plot.cost_figure([]) is None
    assert plot.cost_figure([row("teacher", 50, None)]) is None


def test_an_unknown_accuracy_leaves_its_panel_empty() -> None:
    figure = json.loads(plot.cost_figure([row("teacher", 50, 0.8, None)]))
    assert [trace["yaxis"] for trace in figure["data"]] == ["y"]


def test_names_stand_where_they_cover_nothing_and_are_left_out_where_they_would() -> None:
    points = [(50, 0.9, "Teacher"), (3, 0.75, "Skip first"), (4, 0.73, "Hybrid"), (4, 0.5, "Student"), (4.2, 0.51, "Twin")]
    sides = plot.label_sides(points, (0.0, 1.8))
    assert sides == ["middle left", "middle left", "middle right", "middle left", "middle right"]
    crowd = [(4 + i / 10, 0.5, f"Arm {i}") for i in range(6)]
    assert plot.label_sides(crowd, (0.0, 1.8)).count("") == 4  # the outermost two keep their names


def test_a_name_without_room_beside_its_mark_stands_in_the_key() -> None:
    plain = json.loads(plot.cost_figure(ROWS[:2]))
    assert plain["layout"]["showlegend"] is False
    crowd = [row(f"arm-{i}", 4 + i / 10, 0.5) for i in range(6)]
    text = plot.cost_figure(crowd)
    go.Figure(json.loads(re.sub(r'"--[a-z0-9-]+"', '"#123456"', text)))
    figure = json.loads(text)
    beside = {trace["text"][0].strip() for trace in figure["data"] if "text" in trace}
    keyed = {trace["name"] for trace in figure["data"] if trace["showlegend"]}
    assert len(keyed) == 4 and beside | keyed == {arm["title"] for arm in crowd} and not beside & keyed
    assert figure["layout"]["showlegend"] and figure["layout"]["margin"]["b"] > plain["layout"]["margin"]["b"]
