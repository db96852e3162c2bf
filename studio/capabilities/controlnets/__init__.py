"""Training a ControlNet that follows a layout or edges."""
