"""Models from elsewhere: downloading those that are listed with a source on the Hugging Face Hub."""
