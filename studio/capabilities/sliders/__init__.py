"""Training an adapter that moves an attribute up and down."""
