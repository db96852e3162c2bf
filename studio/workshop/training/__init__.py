"""What jobs that train share."""
