"""Methods that teach new words."""
