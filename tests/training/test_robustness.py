"""Separation is measured as defined, and the model card's tables are replaced in place."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from training.robustness import Accuracy, Separation, auroc, write_tables


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    """It equals the count over all pairs, with ties as one half, and is 1 if nothing overlaps."""
    rng = np.random.default_rng(1)
    inside = rng.integers(3, 12, 70).astype(np.float32)  # integers, so that there are ties
    outside = rng.integers(0, 9, 50).astype(np.float32)

    pairs = [(high > low) + (high == low) / 2 for high, low in product(inside, outside)]

    assert auroc(inside, outside) == pytest.approx(np.mean(pairs))
    assert auroc(inside + 20, outside) == 1


def test_tables_replace_the_text_between_their_marks(tmp_path: Path) -> None:
    """All other text of the page stays, and writing twice is the same as once."""
    page = tmp_path / "card.md"
    page.write_text(
        "before\n<!-- robustness -->\nold\n<!-- /robustness -->\nbetween\n"
        "<!-- separation -->\nold\n<!-- /separation -->\nafter\n"
    )
    accuracies = [Accuracy("dust", 2_000, 0.99651, 3)]
    separations = [Separation("noise", 2_000, 0.99999, 0.998)]

    for _ in range(2):
        write_tables(page, accuracies, separations)

    assert page.read_text() == (
        "before\n<!-- robustness -->\n| condition | digits | accuracy | refused |\n"
        "|---|---|---|---|\n| dust | 2,000 | 0.9965 | 3 |\n<!-- /robustness -->\nbetween\n"
        "<!-- separation -->\n| what | how many | AUROC | flagged |\n"
        "|---|---|---|---|\n| noise | 2,000 | 1.0000 | 99.8% |\n<!-- /separation -->\nafter\n"
    )
