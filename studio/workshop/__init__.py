"""How a worker draws, keeps and reads: opened models, adapters on and off, the one drawing routine, sessions, readers."""
