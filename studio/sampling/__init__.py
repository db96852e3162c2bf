"""Plans, update rules, guidance and the one loop that runs them. `plan`, `rules` and `grids` need no torch."""
