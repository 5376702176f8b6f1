"""The guide for hosts does what it says, run as it stands."""

import re
from pathlib import Path

import asyncpg
import pytest

GUIDE = Path(__file__).parent.parent / "docs" / "embedding.md"


async def test_the_guide_runs_as_printed(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LLM_BAWT_DATA_DIR", str(tmp_path))
    [code] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    # A host's own table of another kind stands in the same database, and stays as it is.
    host = await asyncpg.connect(empty_database)
    await host.execute("CREATE TABLE messages (id int); INSERT INTO messages VALUES (1)")
    namespace: dict[str, object] = {}
    exec(compile(code, str(GUIDE), "exec"), namespace)  # noqa: S102 - the guide is ours
    main = namespace["main"]
    assert callable(main)
    await main(empty_database)
    assert "Dresden" in capsys.readouterr().out
    assert await host.fetchval("SELECT count(*) FROM messages") == 1
    actions = await host.fetchval("SELECT array_agg(action ORDER BY id) FROM operator_actions")
    assert actions[-2:] == ["pause", "resume"]
    await host.close()
