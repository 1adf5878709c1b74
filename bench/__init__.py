"""What `just bench` runs. Every figure is a ratio against something else in the same run."""
