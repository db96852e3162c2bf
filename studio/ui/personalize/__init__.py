"""The Personalize tab."""
