"""What an undo gave back, as changes to read beside its run. Names memories by id and quotes none."""

from collections.abc import Sequence
from typing import Any


def given_back(job: str, bot_id: str, names: Sequence[str]) -> dict[str, Any]:
    """In the form of a plan, which no run can apply, because it is not a dry run's.

    Args:
        names: the memories as `bot/id`.
    """
    changes = [
        {"object": f"memory/{name}", "before": "archived", "after": "active", "why": "given back"}
        for name in names
    ]
    return {"job": job, "bot_id": bot_id, "changes": changes}
