"""One action of the API: what is called, what it takes and what it gives, as JSON schemas."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast, get_type_hints

import gradio as gr
from pydantic import BaseModel, TypeAdapter

from studio.core.files import Json

LEFT_OUT = {"type": "object", "description": "Left out: an object that holds others of its own kind"}


@dataclass(frozen=True)
class Endpoint:
    """call: the function; its docstring is what callers read, its annotations are the schemas.

    takes: schema by argument, where the annotation says less than is known. result: schema of what the run that it queues
    will hold when it is done.
    """

    name: str
    call: Callable[..., object]
    takes: Json = field(default_factory=dict)
    result: Json | None = None

    @property
    def about(self) -> str:
        return inspect.cleandoc(self.call.__doc__ or "")

    def arguments(self) -> Json:
        """JSON schema by argument, in order; those with a "default" may be left out."""
        hints, found = get_type_hints(self.call), {}
        for name, given in inspect.signature(self.call).parameters.items():
            found[name] = dict(self.takes.get(name) or schema(hints[name]))
            if given.default is not inspect.Parameter.empty:
                found[name]["default"] = given.default
        return found

    def gives(self) -> Json:
        """JSON schema of the answer."""
        return schema(get_type_hints(self.call)["return"])

    def described(self) -> Json:
        found: Json = {"about": self.about, "takes": self.arguments(), "gives": self.gives()}
        return found if self.result is None else {**found, "result": self.result}


def add(endpoint: Endpoint, demo: gr.Blocks) -> None:
    """Register it in the Blocks that are open, with its schemas in place of what Gradio reads from annotations."""
    gr.api(endpoint.call, api_name=endpoint.name, api_description=endpoint.about, queue=False)
    made = list(demo.fns.values())[-1]
    for component, said in zip(made.inputs, endpoint.arguments().values(), strict=True):
        component._api_info = _readable({key: value for key, value in said.items() if key != "default"})
    for component in made.outputs:
        component._api_info = _readable(endpoint.gives())


def schema(of: object) -> Json:
    """JSON schema of a type or a pydantic model, with what it refers to in its place: Gradio follows no references."""
    whole = of.model_json_schema() if isinstance(of, type) and issubclass(of, BaseModel) else TypeAdapter(of).json_schema()
    parts = whole.pop("$defs", {})

    def written(node: object, inside: tuple[str, ...]) -> object:
        if isinstance(node, list):
            return [written(one, inside) for one in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            name = str(node["$ref"]).rpartition("/")[2]
            if name in inside:
                return dict(LEFT_OUT)
            besides = {key: value for key, value in node.items() if key != "$ref"}
            return written(parts[name] | besides, (*inside, name))
        return {key: written(value, inside) for key, value in node.items()}

    return cast(Json, written(whole, ()))


def _readable(node: object) -> object:
    """A schema as Gradio reads it: whether further fields fit is an object there, or nothing is said."""
    if isinstance(node, list):
        return [_readable(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {key: _readable(one) for key, one in node.items() if not (key == "additionalProperties" and isinstance(one, bool))}
