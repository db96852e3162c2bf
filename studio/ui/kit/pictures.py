"""Pictures that belong to the page itself. They are served under the digest of their bytes instead of standing in the page."""

from __future__ import annotations

import hashlib
import io

from PIL import Image

ADDRESS = "ui/pictures"  # below the address of the page
_KEPT: dict[str, bytes] = {}


def address(picture: Image.Image) -> str:
    """Where a browser finds the picture, as JPEG, for as long as this process lives."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90, subsampling=0)
    name = f"{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.jpg"
    _KEPT[name] = buffer.getvalue()
    return f"{ADDRESS}/{name}"


def read(name: str) -> bytes | None:
    """The bytes of a picture, None where there is none of that name."""
    return _KEPT.get(name)
