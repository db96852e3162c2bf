"""What Gradio's handlers are given and give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradio.blocks import Block

Values = Mapping[Block, Any]  # component -> what it holds
Updates = dict[Block, Any]  # component -> what it shows from now on
Shown = set[Block]  # what a handler may change
