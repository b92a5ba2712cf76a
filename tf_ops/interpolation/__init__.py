"""Three nearest neighbours and interpolation."""
