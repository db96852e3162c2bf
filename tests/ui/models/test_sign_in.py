"""A visitor who has signed in on a Space brings a gated model with their own token, which lies nowhere afterwards."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import gradio as gr
import pytest
from gradio import routes
from gradio.helpers import special_args
from pydantic import SecretStr
from starlette.requests import Request

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library import tickets
from studio.library.tickets import take
from studio.ui.models import sign_in
from studio.ui.models.tab import ModelsTab, for_board, for_form
from tests.support.model_hub import TOKEN, ModelHub, pipeline

LATER = time.time() + 7 * 24 * 3600  # this is read when tests are collected: the last of them may run an hour after
SIGNED = {"access_token": TOKEN, "scope": "openid profile", "expires_at": LATER, "userinfo": {"name": "Ada"}}


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SPACE_ID": "ada/studio", "OAUTH_CLIENT_ID": "its-id", "STUDIO_DEMO": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sign_in, "NEEDED", ())
    monkeypatch.setattr(routes, "attach_oauth", lambda app: None)  # its routes ask the Hub


def ask(server: Callable[..., Json], wish: Json, signed: Json | None) -> Json:
    """A server function as Gradio calls it for a browser whose session is this."""
    session = {} if signed is None else {"oauth_info": signed}
    request = Request({"type": "http", "method": "POST", "headers": [], "session": session})
    given, *_ = special_args(server, [wish], request, None)  # type: ignore[arg-type]
    return server(*given)


def button(jobs: Jobs) -> bool:
    with gr.Blocks() as page:
        ModelsTab(jobs)
    return any(isinstance(block, gr.LoginButton) for block in page.blocks.values())


def test_who_signed_in_brings_a_gated_model_and_the_token_lies_nowhere(
    jobs: Jobs,
    model_hub: ModelHub,
    space: None,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.DEBUG)
    model_hub.add("Ada/XL", pipeline())
    repository = model_hub.repositories["Ada/XL"]
    repository.gated, repository.granted = "manual", True
    add, (look, download) = for_form(jobs)[0], for_board(jobs)[2:4]
    monkeypatch.setattr(tickets, "MEMORY", tmp_path / "memory")
    (tmp_path / "memory").mkdir()
    wish: Json = {"place": "Ada/XL", "variant": "fp16", "role": "teacher"}
    assert "gated" in ask(add, wish, None)["problem"]
    assert "gated" in ask(add, wish, {**SIGNED, "expires_at": time.time() - 1})["problem"]
    answers = [ask(add, wish, SIGNED), ask(look, {"model": "ada/xl"}, SIGNED), ask(download, {"model": "ada/xl"}, SIGNED)]
    assert answers[0] == {"id": "ada/xl"} and "has been given access" in answers[1]["gated"]
    run = answers[2]["downloads"]["ada/xl"]["run"]
    waiting = [path for path in (tmp_path / "memory").rglob("*") if path.is_file()]
    assert [path.read_text() for path in waiting] == [TOKEN]  # until the download takes it, and on no disk
    assert waiting[0].stat().st_mode & 0o077 == 0
    assert take(jobs.paths, str(jobs.spec(run).config["ticket"])) == SecretStr(TOKEN)
    kept = [path for path in jobs.paths.root.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert kept == [] and not waiting[0].exists() and TOKEN not in str(answers) + caplog.text + "".join(capfd.readouterr())


def test_a_token_that_was_typed_comes_first(space: None) -> None:
    signed = gr.OAuthToken(token=TOKEN, scope="", expires_at=0)
    assert sign_in.with_token({"token": " hf_typed "}, signed) == {"token": " hf_typed "}
    assert sign_in.with_token({"token": "  "}, signed) == {"token": TOKEN}
    assert sign_in.with_token({}, None) == {}


@pytest.mark.parametrize("changed", [{}, {"SPACE_ID": ""}, {"OAUTH_CLIENT_ID": ""}, {"STUDIO_DEMO": "1"}])
def test_it_is_offered_on_a_space_with_sign_in_that_is_no_demo_alone(
    jobs: Jobs, space: None, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    assert sign_in.offered() == button(jobs) == (not changed)
    signed = gr.OAuthToken(token=TOKEN, scope="", expires_at=0)
    assert sign_in.with_token({}, signed) == ({} if changed else {"token": TOKEN})


def test_nothing_of_it_is_there_where_its_packages_are_not(jobs: Jobs, space: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "NEEDED", ("no_such_package",))
    assert not sign_in.offered() and not button(jobs)
