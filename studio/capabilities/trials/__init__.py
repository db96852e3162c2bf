"""What a training would take here, measured in a few steps of it."""
