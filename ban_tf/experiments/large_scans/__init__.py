"""Scans that do not fit into memory: read, segmented and written part by part."""
