"""Training from scratch: oracle, autoencoder and teacher of the pocket and nano models."""
