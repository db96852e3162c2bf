"""Evaluate: models, plans, adapters and edits against a prompt set, question by question, and how good the judge is."""
