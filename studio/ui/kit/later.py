"""Tabs that come when they are asked for.

The server builds all tabs at its start; the page begins with the first one. What another tab holds, and the events that belong
to it, reach the browser by Gradio's own way for parts of a page that are made later (`gr.render`), once, as the server has them:
ids, sessions and endpoints are those of one page. An event that reads or changes a tab that is still to come waits for it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.blocks import Block, BlockContext, BlocksConfig
from gradio.renderable import Renderable
from gradio.state_holder import SessionState

from studio.core import visitors
from studio.core.files import Json
from studio.ui.kit import refusals
from studio.ui.kit.scripts import called, module


def bringing(tab: str) -> str:
    """The event by which the page's header asks for a tab."""
    return f"bring_{tab}"


class Later(Renderable):
    """What a tab holds. Rendering it makes nothing: it is all there."""

    def __init__(self, tab: str, header: gr.HTML):
        super().__init__(_nothing, [], [(header, bringing(tab))], None, None, "once", False, "hidden")
        self.tab = tab
        self.container.elem_id = tab

    def apply(self) -> None:
        """Gradio sends what is in the container as it is."""

    def ids(self) -> set[int]:
        return {block._id for block in _below(self.container)}


class Parts(BlocksConfig):
    """Gradio's list of components and events, of the page or of one visitor's session.

    settled: components as Gradio describes them, once nothing of the page changes any more. Gradio describes all of them anew for
    every session, and for every call without one; those of the page are the same each time.
    """

    settled: dict[int, tuple[Block, Json]] | None = None

    def config_for_block(  # type: ignore[override]
        self, _id: int, rendered_ids: list[int], block: Block, renderable: Renderable | None = None
    ) -> Json:
        # Gradio's is a static method, which it calls on an instance alone.
        if self.settled is None or renderable is not None:
            return super().config_for_block(_id, rendered_ids, block, renderable)
        kept = self.settled.get(_id)
        if kept is None or kept[0] is not block:
            made: Json = super().config_for_block(_id, rendered_ids, block)
            if self.root_block.default_config.blocks.get(_id) is not block:
                return made  # a session's own
            kept = self.settled[_id] = block, made
        return {**kept[1], "props": {**kept[1].get("props", {})}}  # whose value a session changes

    def get_config(self, renderable: Renderable | None = None) -> Json:
        """What a `Later` holds is sent as it was built: a session keeps components that were changed, without their places."""
        if isinstance(renderable, Later) and self is not (built := self.root_block.default_config):
            return built.get_config(renderable)
        return super().get_config(renderable)

    def __copy__(self) -> Parts:
        new = Parts(self.root_block)
        vars(new).update({**vars(self), "blocks": {**self.blocks}, "fns": {**self.fns}, "renderables": [*self.renderables]})
        return new


class Pages(gr.Blocks):
    """Blocks of which the browser is first given what is in no `Later` (`begun`)."""

    def __init__(self, **options: object):
        self.later: dict[str, Later] = {}
        super().__init__(**options)
        self.default_config = Parts(self)

    async def process_api(  # type: ignore[override]
        self,
        block_fn: BlockFunction | int,
        inputs: list[object],
        state: SessionState | None = None,
        request: gr.Request | list[gr.Request] | None = None,
        iterator: AsyncIterator[object] | None = None,
        **more: object,
    ) -> Json:
        """As Gradio has it. Whatever goes wrong is refused in one sentence, and told to `ui.guard` with its status.

        A queue of Gradio's may have taken the call into a task of its own, which is told anew who asks.
        """
        scope = getattr(getattr(request, "request", request), "scope", {})
        visitors.asks(scope)
        odd: tuple[type[Exception], ...] = refusals.ODD
        try:
            fn = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
            if iterator is None and not fn.batch:
                inputs = refusals.completed(inputs, fn.inputs)
                refusals.check_count(fn.api_name, inputs, len(fn.inputs))
                odd = () if refusals.ordinary(inputs, fn.inputs, fn.fn) else odd
            answer: Json = await super().process_api(block_fn, inputs, state, request, iterator, **more)
            return answer
        except Exception as error:
            sentence, status = refusals.of(error, odd)
            if scope:
                scope[refusals.STATUS] = status
            raise refusals.Refused(sentence, status) from None

    def divide(self) -> None:
        """Once everything is built: whose every component and event is, and which events wait for a tab."""
        owner = {id: later for later in self.later.values() for id in later.ids()}
        read, changed = _ends(self.fns.values())
        for id, later in owner.items():
            block = self.blocks[id]
            block.rendered_in = later
            if getattr(block, "interactive", False) is None:  # the browser decides that by events it was given at first
                block.interactive = id in read or (id not in changed and getattr(block, "value", None) in (None, "", 0, [], {}))
        for fn in self.fns.values():
            if not isinstance(fn.renderable, Later):
                self._assign(fn, owner)
        self.default_config.settled = {}

    def _assign(self, fn: BlockFunction, owner: dict[int, Later]) -> None:
        """An event belongs to the tab that all its targets are in; one of the page's load to the only tab that it touches."""
        targets = [id for id, _ in fn.targets if id != self._id]
        touched = {owner[block._id] for block in (*fn.inputs, *fn.outputs) if block._id in owner}
        at = {owner.get(id) for id in targets if id is not None} if targets else touched if fn.targets else set()
        mine = at.pop() if len(at) == 1 else None
        if mine is not None:
            fn.rendered_in = mine
        awaited = sorted(later.tab for later in touched - {mine})
        if awaited:
            fn.js = _after(awaited, fn.js)


def begun(config: Json) -> Json:
    """What the browser begins with, of the whole page as Gradio describes it to programs: neither parts nor events of a `Later`,
    nor the endpoints that only programs call."""
    parts = [part for part in config["components"] if part.get("rendered_in") is None and part["type"] != "api"]
    events = [event for event in config["dependencies"] if event["rendered_in"] is None and event["targets"]]
    left, called = {part["id"] for part in parts}, {event["id"] for event in events}
    pages = {
        name: {
            "layout": _left(page["layout"], left),
            "components": [id for id in page["components"] if id in left],
            "dependencies": [id for id in page["dependencies"] if id in called],
        }
        for name, page in config["page"].items()
    }
    layout = _left(config["layout"], left)
    return {**config, "components": parts, "dependencies": events, "layout": layout, "page": pages}


def comes(page: Pages, tab: str) -> None:
    """Inside of the page: the browser hears that a tab has come."""
    event = page.load(None, None, None, js=called("kit/later", "came", tab))
    page.fns[event["id"]].rendered_in = page.later[tab]


def _nothing() -> None: ...


def _after(tabs: list[str], js: str | None) -> str:
    """Words for `js` of an event: the same, once these tabs are there."""
    waits = f"await (await {module('kit/later')}).brought({json.dumps(tabs)})"
    return f"async (...given) => {{ {waits}; return ({js or '(...same) => same'})(...given); }}"


def _below(block: BlockContext) -> Iterator[Block]:
    for child in block.children:
        yield child
        if isinstance(child, BlockContext):
            yield from _below(child)


def _ends(events: Iterable[BlockFunction]) -> tuple[set[int], set[int]]:
    """Ids that are read and ids that are changed by events."""
    read, changed = set[int](), set[int]()
    for event in events:
        read |= {block._id for block in event.inputs}
        changed |= {block._id for block in event.outputs}
    return read, changed


def _left(layout: Json, ids: set[int]) -> Json:
    """A tree of {"id", "children"} with these alone below its root."""
    if "children" not in layout:
        return layout
    return {**layout, "children": [_left(child, ids) for child in layout["children"] if child["id"] in ids]}
