"""The address names the tab. What stands in it is read and written by `assets/ui/kit/address.js`."""

from __future__ import annotations

from studio.ui.kit.scripts import called


def chosen(tab: str) -> str:
    """For `js` of a tab that is chosen: the address names it, so that a reload comes back to it."""
    return called("kit/address", "chosen", tab)


def arrived(tab: str) -> str:
    """For `js` of the page's load: the tab of the address, the run of this one's kind, and ?run=…, whatever kind it is."""
    return called("kit/address", "ofTab", tab)
