"""The address names the tab."""

from __future__ import annotations

ARRIVED = """() => {{ // the tab of the address, the run of this one's kind, and ?run=…, whatever kind it is
  const here = new URLSearchParams(location.search);
  return ["tab", "{name}", "run"].map((name) => (here.get(name) ?? "").replace(/ /g, "")).join(" ");
}}"""
REMEMBER = """(...given) => {{ // the address names the tab, so that a reload comes back to it
  if (!window.studioArrived) return given; // the first tab says so before the address was read
  const here = new URL(location.href);
  "{name}" === "compare" ? here.searchParams.delete("tab") : here.searchParams.set("tab", "{name}");
  history.replaceState(null, "", here);
  return given;
}}"""
