"""The kinds of surroundings in which people photograph, scan and draw a digit.

A kind renders one digit as a grey picture. The measurement of the model card renders test digits;
whatever is developed against these pictures renders training digits, with other seeds.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training import rulings, scenes, unusual

Render = Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]

SURROUNDINGS: dict[str, Render] = {
    "box": rulings.box,
    "line beside the digit": rulings.line_beside,
    "underline": rulings.underline,
    "squared paper": rulings.squared_paper,
    "ruled paper": rulings.ruled_paper,
    "sheet on a dark desk": scenes.sheet_on_desk,
    "turned, corners filled": scenes.turned_with_corners,
    "dark bar at the edge": scenes.bar_at_edge,
    "finger at the edge": scenes.finger_at_edge,
    "hard edge of a shadow": scenes.shadow_edge,
    "1 cropped to its bounding box": unusual.cropped_to_box,
    "0 with a dot or a slash": unusual.marked_zero,
}
LABELS = {"1 cropped to its bounding box": 1, "0 with a dot or a slash": 0}  # all others: any digit
