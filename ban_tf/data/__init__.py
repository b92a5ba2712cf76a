"""Readers, blocks, stores and batches: everything between raw files and the network."""
