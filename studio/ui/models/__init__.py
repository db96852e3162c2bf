"""The Models tab: what there is, what could be, and how it comes here and goes."""
