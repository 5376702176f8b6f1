"""Builds such a database from the SQL files beside this module."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import asyncpg

HERE = Path(__file__).parent
FIRST_TYPES = ("PROFILE_MAINTENANCE", "MEMORY_CONSOLIDATION", "MEMORY_DECAY")
LATER_TYPES = ("HISTORY_SUMMARIZATION", "MEMORY_EXTRACTION", "MEDIA_GC", "TOOL_RESULT_GC")
PROFILES, CONSOLIDATION, DECAY = (f"11111111-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
STUCK, LOSING = (f"22222222-0000-4000-8000-00000000000{number}" for number in (1, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Which release of it made the database.

    Args:
        naive: times of profiles without a zone, as older SQLModel releases made them.
        one_table_a_bot: memories as before the middle of 2026, and fewer job types.
    """

    naive: bool = True
    one_table_a_bot: bool = False

    def __str__(self) -> str:
        return f"{'naive' if self.naive else 'aware'}, {'old' if self.one_table_a_bot else 'new'} memories"


KINDS = [Service(), Service(naive=False), Service(one_table_a_bot=True)]


def build(url: str, service: Service) -> None:
    """Fills the empty database at `url`; for code without an event loop."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            # The session's zone is what naive defaults are made in; its servers run in UTC.
            await connection.execute("SET timezone = 'UTC'")
            await connection.execute(_tables(service))
            if service.one_table_a_bot:
                for bot in ("nova", "rex"):
                    await connection.execute(_read("memories_of_bot").format(bot=bot))
            else:
                await connection.execute(_read("memories_partitioned"))
            await connection.execute(_read("content"))
            for bot, number, age, messages in MEMORIES:
                await _remember(connection, service, bot, number, age, messages)
        finally:
            await connection.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(run())


# Bot, number, age and messages. The third one was written by the consolidation of 27 hours ago; what the one
# of three hours ago merged is nowhere.
MEMORIES = (
    ("nova", 1, "20 d", '["m-1"]'),
    ("nova", 2, "19 d", '["m-2"]'),
    ("nova", 3, "26 h 59 min 50 s", '["m-3", "m-4"]'),
    ("rex", 1, "5 d", "[]"),
)


async def _remember(
    connection: "asyncpg.Connection[asyncpg.Record]",
    service: Service,
    bot: str,
    number: int,
    age: str,
    messages: str,
) -> None:
    table = f"{bot}_memories" if service.one_table_a_bot else "memories"
    columns, values = ("", "") if service.one_table_a_bot else ("bot_id, ", f"'{bot}', ")
    await connection.execute(
        f"INSERT INTO {table} ({columns}id, content, tags, importance, source_message_ids, access_count,"
        f" created_at, updated_at, embedding) SELECT {values}'{bot}-{number}', 'Text {number} of {bot}.',"
        f" '[\"fact\"]', 0.4, '{messages}', 3, now() - interval '{age}', now() - interval '{age}',"
        f" (SELECT array_agg(sin({number} * i))::real[]::vector FROM generate_series(1, 384) i)"
    )


def _tables(service: Service) -> str:
    types = FIRST_TYPES if service.one_table_a_bot else FIRST_TYPES + LATER_TYPES
    return _read("tables").format(
        stamp="timestamp" if service.naive else "timestamptz",
        job_types=", ".join(f"'{label}'" for label in types),
    )


def _read(name: str) -> str:
    return (HERE / f"{name}.sql").read_text(encoding="utf-8")
