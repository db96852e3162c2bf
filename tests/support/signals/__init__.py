"""Waves of different lengths: a domain, its medium and a family of its own, put in by this folder alone.

Nothing of the studio names it: `$STUDIO_DOMAINS=tests.support.signals.face`, `$STUDIO_FAMILIES=tests.support.signals.family`.
"""
