"""Tabs come when they are asked for: what the browser begins with, what each tab brings, and what waits for it."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
import pytest
from gradio.data_classes import BlocksConfigDict
from gradio.state_holder import SessionState

from studio.core.files import Json
from studio.ui.kit import parts
from studio.ui.kit.later import Later, Pages, begun, bringing, comes


@pytest.fixture
def page() -> Iterator[Pages]:
    """A first tab with "here", a later one with "there" and "said", and events inside of them and between them."""
    with Pages() as page:
        header = parts.header([], [bringing("later")])
        with gr.Tabs() as tabs:
            with gr.Tab("First", id="first"):
                here = gr.Textbox(elem_id="here")
            with gr.Tab("Later", id="later") as tab:
                page.later["later"] = Later("later", header)
                with page.later["later"].container:
                    there, said = gr.Textbox(elem_id="there"), gr.Textbox("said", elem_id="said")
        here.change(same, here, here, api_name="inside_first")
        there.change(same, there, said, api_name="inside_later")
        here.submit(same, here, there, api_name="into_later")
        there.submit(same, there, [here, tabs], api_name="out_of_later")
        tab.select(same, there, there, js="(there) => there", api_name="looked_at")
        page.load(same, here, [tabs, there], api_name="on_load")
        gr.api(endpoint, api_name="endpoint")
        comes(page, "later")
        page.divide()
    yield page


def same(*given: object) -> object:
    return given


def endpoint(text: str) -> str:
    return text


def begins(page: Pages) -> Json:
    return begun({**page.config})


def ids(config: Json | BlocksConfigDict) -> set[str]:
    return {part["props"].get("elem_id") for part in config["components"]}


def events(config: Json | BlocksConfigDict) -> dict[str, Json]:
    return {event["api_name"]: event for event in config["dependencies"]}


def test_the_browser_begins_with_the_first_tab(page: Pages) -> None:
    begin = begins(page)
    assert {"here", "later"} <= ids(begin) and not {"there", "said"} & ids(begin)
    assert {"inside_first", "into_later", "looked_at"} <= set(events(begin))
    assert not {"inside_later", "out_of_later", "on_load", "endpoint"} & set(events(begin))
    parts = {part["id"] for part in begin["components"]}
    assert placed(begin["layout"]) == placed(begin["page"][""]["layout"]) == parts == set(begin["page"][""]["components"])
    assert set(begin["page"][""]["dependencies"]) == {event["id"] for event in begin["dependencies"]}


def placed(layout: Json) -> set[int]:
    """Ids below the root."""
    children = layout.get("children", [])
    return {child["id"] for child in children}.union(*(placed(child) for child in children))


def test_programs_are_told_of_the_whole_page(page: Pages) -> None:
    assert {"here", "there", "said"} <= ids({**page.config}) and {"endpoint", "on_load"} <= set(events({**page.config}))


def test_a_tab_brings_what_it_holds_and_its_events(page: Pages) -> None:
    brought = page.default_config.get_config(page.later["later"])
    assert {"there", "said"} <= ids(brought) and "here" not in ids(brought)
    assert {"inside_later", "out_of_later", "on_load"} <= set(events(brought))
    assert any("kit/later" in str(event["js"]) and "came" in event["js"] for event in brought["dependencies"])


def test_what_reads_or_changes_a_tab_from_outside_waits_for_it(page: Pages) -> None:
    begin, brought = events(begins(page)), events(page.default_config.get_config(page.later["later"]))
    assert all('brought(["later"])' in begin[name]["js"] for name in ("into_later", "looked_at"))
    assert begin["looked_at"]["js"].endswith("return ((there) => there)(...given); }")
    assert begin["inside_first"]["js"] is None and brought["out_of_later"]["js"] is None


def test_fields_that_come_later_can_be_typed_into_as_if_they_had_been_there(page: Pages) -> None:
    brought = page.default_config.get_config(page.later["later"])
    able = {part["props"].get("elem_id"): part["props"].get("interactive") for part in brought["components"]}
    assert able["there"] is True and able["said"] is False  # the one is read, the other only written


def test_a_visitor_whose_parts_were_changed_already_is_sent_the_tab_as_it_was_built(page: Pages) -> None:
    session = SessionState(page)
    there = next(block for block in page.blocks.values() if block.elem_id == "there")
    session[there._id] = gr.Textbox("changed", render=False)
    assert session.blocks_config.get_config(page.later["later"]) == page.default_config.get_config(page.later["later"])


def test_a_session_describes_the_page_from_memory_and_what_it_changed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[int] = []
    with Pages() as page:
        first, second = gr.Textbox("one"), gr.Textbox("two")
        page.divide()
    was = gr.Textbox.get_config

    def counted(self: gr.Textbox, *given: object) -> dict:  # type: ignore[type-arg]
        described.append(self._id)
        return dict(was(self, *given))

    monkeypatch.setattr(gr.Textbox, "get_config", counted)
    page.default_config.settled = {}
    sessions = [SessionState(page) for _ in range(3)]
    assert sorted(described) == [first._id, second._id]
    sessions[0].config_values[first._id]["props"]["value"] = "changed"
    assert [one.config_values[first._id]["props"]["value"] for one in sessions] == ["changed", "one", "one"]
    with page:
        other = gr.Textbox("three", render=False)
    sessions[1][second._id] = other
    sessions[1]._update_config(second._id)
    assert sessions[1].config_values[second._id]["props"]["value"] == "three"
    assert SessionState(page).config_values[second._id]["props"]["value"] == "two"
