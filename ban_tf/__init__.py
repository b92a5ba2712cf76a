"""BAN in TensorFlow 2 and Keras 3: joint instance and semantic segmentation of point clouds."""
