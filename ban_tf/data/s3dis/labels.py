"""The classes of S3DIS; all of them have instances, as in the paper."""

from ban_tf.config import Labels

LABELS = Labels(
    class_names=(
        "ceiling", "floor", "wall", "beam", "column", "window", "door",
        "table", "chair", "sofa", "bookcase", "board", "clutter",
    ),
    class_colors=(
        (0, 255, 0), (0, 0, 255), (0, 255, 255), (255, 255, 0), (255, 0, 255), (100, 100, 255),
        (200, 200, 100), (170, 120, 200), (255, 0, 0), (200, 100, 100), (10, 200, 100),
        (200, 200, 200), (50, 50, 50),
    ),
)  # fmt: skip
