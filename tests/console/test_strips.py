"""A line of a picture goes when nobody shows it any more, and not when the collector comes by."""

import gc

from rich.segment import Segment
from textual.strip import Strip

from bawt_console.widgets.strips import let_lines_go


def circles_left_by(cuts: list[int]) -> int:
    gc.collect()
    gc.disable()
    try:
        line = Strip([Segment("eight"), Segment("two")], 8)
        parts = line.divide(cuts)
        assert "".join(part.text for part in parts) == "eighttwo"
        assert sum(part.cell_length for part in parts) == 8
        del line, parts
        return gc.collect()
    finally:
        gc.enable()


def test_a_line_that_is_cut_or_whole_leaves_nothing_to_collect() -> None:
    let_lines_go()
    assert circles_left_by([3, 8]) == 0
    assert circles_left_by([8]) == 0
