"""Asks a server that speaks the protocol of TensorFlow Serving: a network that runs elsewhere."""
