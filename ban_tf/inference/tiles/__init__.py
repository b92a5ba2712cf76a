"""Clouds larger than the memory: sorted into tiles on disk, segmented tile by tile.

The labels are those of `segmentation.segment`: every block, the order of the blocks and what is
known of the points from earlier ones are the same. Only the network's batches end with each tile,
so that its outputs may differ in their last bits where it does not treat all places of a batch
alike.
"""
