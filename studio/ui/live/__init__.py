"""The Live tab: a picture that follows what is typed."""
