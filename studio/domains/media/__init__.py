"""How samples are shown and kept in files, by medium: a module each, or one that a domain's own folder adds to `MEDIA`."""

from __future__ import annotations

from pathlib import Path

from studio.core.domain import Domain
from studio.core.medium import Medium
from studio.core.registry import Registry

MEDIA: Registry[Medium] = Registry("studio.domains.media", "medium")


def types() -> dict[str, str]:
    """MIME type by suffix of the files that media of all domains write; none is a page of its own."""
    from studio.domains import DOMAINS

    DOMAINS.all()  # their faces may add media
    found = {suffix: kind for medium in MEDIA.all().values() for suffix, kind in medium.types.items()}
    return {suffix: kind for suffix, kind in found.items() if kind != "text/html"}


def viewers() -> dict[str, Path]:
    """Medium -> file of the script that shows one sample of it on the page, of media of all domains that have one."""
    from studio.domains import DOMAINS

    DOMAINS.all()
    return {name: medium.viewer for name, medium in MEDIA.all().items() if medium.viewer is not None}


def medium_of(domain: Domain) -> Medium:
    """How samples of a domain are shown; its face, which may add one, has been imported. ValueError where there is none."""
    return MEDIA.get(domain.medium)
