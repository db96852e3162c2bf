"""How a person asks from a terminal."""
