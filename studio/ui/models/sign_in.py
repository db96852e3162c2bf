"""A visitor's own token for gated models, by Gradio's sign-in with the Hub, instead of one that is typed.

Only on a Space whose README says `hf_oauth: true`, which is then given `OAUTH_CLIENT_ID`, and not in a public demo, which brings
nothing. Gradio keeps the token in a signed cookie of the browser's; here it goes the way of a typed one (`library.tickets`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec

import gradio as gr

from studio.core import demo
from studio.core.environment import environment
from studio.core.files import Json

NEEDED = ("authlib", "itsdangerous")  # Gradio's sign-in does not start without them


def offered() -> bool:
    """Whether the tab shows the button."""
    asked = environment().is_space and not demo.on() and bool(os.environ.get("OAUTH_CLIENT_ID"))
    return asked and all(find_spec(name) for name in NEEDED)


def with_token(wish: Mapping[str, object], signed: gr.OAuthToken | None) -> Json:
    """A wish with the token of who has signed in, where none was typed."""
    typed = str(wish.get("token") or "").strip()
    return dict(wish) if typed or signed is None or not offered() else {**wish, "token": signed.token}
