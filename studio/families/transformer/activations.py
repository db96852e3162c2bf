"""What a transformer over patches holds at once while it predicts, counted from its config. No torch.

Counted in numbers a sample, as rows of the network's width: streams between blocks, and the inside of the block and of the moment
that hold most. Attention is fused, so it keeps no weights. A test holds it against what is alive in diffusers' networks. What
does not grow with the tokens (time embeddings, modulations) is left out.
"""

from __future__ import annotations

from studio.core.files import Json
from studio.families.transformer.kinds import FLUX, SD3, Kind

# Rows a token. SD3 and PixArt-α are widest in the feed-forward of one stream, whose hidden layer of four widths stands there
# before and after its activation; Flux where its single blocks, over both streams as one, gate what attention and it gave.
INSIDE, DUAL, BESIDE = 13, 14, 3  # SD3: of the longer stream, of the longer one with two attentions, of the other one
TOGETHER = 16  # Flux
CROSSED, READ = 12, 2  # PixArt-α: of the image, with the table of positions that another size needs; of the text


def row_numbers(kind: Kind, config: Json, image: int, text: int) -> float:
    """Of one sample. image, text: tokens of each. KeyError where the config does not say its width."""
    width = int(config["num_attention_heads"]) * int(config["attention_head_dim"])
    if kind is FLUX:
        rows = TOGETHER * (image + text)
    elif kind is SD3:
        inside = DUAL if config.get("dual_attention_layers") else INSIDE
        rows = inside * max(image, text) + BESIDE * min(image, text)
    else:
        rows = CROSSED * image + READ * text
    return float(width * rows)
