"""What can be taught: one file a method, the paper on the page."""
