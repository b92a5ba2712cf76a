"""A trained network as a SavedModel, which an unmodified TensorFlow Serving loads."""
