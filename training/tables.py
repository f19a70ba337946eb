"""Write generated text into Markdown pages, between marks that stay."""

from collections.abc import Sequence
from pathlib import Path


def replace_between(page: Path, mark: str, lines: Sequence[str]) -> None:
    """Replace the lines between a page's marks `<!-- mark -->` and `<!-- /mark -->`.

    Args:
        page: a Markdown file with both marks, each on a line of its own.
        mark: names what is between.
        lines: the new ones, without line ends.

    Raises:
        ValueError: the page lacks the marks.
    """
    first, last = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    before, opened, rest = page.read_text().partition(first)
    _, closed, after = rest.partition(last)
    if not (opened and closed):
        raise ValueError(
            f"{page} must have the lines {first.strip()!r} and {last!r}; add them where the "
            "generated text belongs."
        )
    page.write_text("".join((before, first, *(f"{line}\n" for line in lines), last, after)))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table.

    Args:
        header: the name of each column.
        rows: their cells.
    """
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
