"""Making the pocket models from nothing."""
