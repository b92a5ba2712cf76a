"""Time and memory of whole systems, beside the originals' way from outputs to instances."""
