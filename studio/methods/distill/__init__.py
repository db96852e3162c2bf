"""Objectives that turn a many-step teacher into a few-step student: one file a method."""
