"""Tune a model to what is preferred, by a reward that can be read from samples or by votes; and draw pairs to vote on."""
