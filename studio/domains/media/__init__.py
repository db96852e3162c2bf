"""How samples are shown and kept in files, by medium."""
