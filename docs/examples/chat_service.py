"""A small chat service that remembers: FastAPI with the scheduler inside.

    pip install 'bawt-console' fastapi uvicorn
    DATABASE_URL=postgresql://… uvicorn chat_service:app

One process, one engine, one shutdown: leaving the lifespan stops claiming, waits for runs in hand, and only
then closes the pool. The answer itself is left to you; `reply` shows what a model would get.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from scheduler_core.db.profile_rows import NewAttribute
from scheduler_core.domain import Entity, EntityType, EventLevel
from scheduler_core.runtime import Runtime, open_runtime
from scheduler_core.settings import load_settings
from scheduler_core.tasks.task import JobConfig, JobKind, Task, TaskContext, TaskResult

PERSONA = "You are a friendly assistant."


class Message(BaseModel):
    """What somebody says."""

    user: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,100}$")]
    text: Annotated[str, Field(min_length=1, max_length=4000)]


class Prompt(BaseModel):
    """What the model gets."""

    system: str
    user: str


class TidyConfig(JobConfig):
    """What `config_json` of a `tidy_messages` job may hold."""

    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30


def tidy_messages(engine: AsyncEngine) -> JobKind:
    """A job type of the service's own: deletes old messages. Idempotent, as every handler must be."""

    async def run(task: Task, context: TaskContext) -> TaskResult:
        assert isinstance(task.config, TidyConfig)
        async with engine.begin() as connection:
            old = text("DELETE FROM messages WHERE said_at < now() - make_interval(days => :days)")
            deleted = (await connection.execute(old, {"days": task.config.keep_days})).rowcount
        await context.log(EventLevel.INFO, f"deleted {deleted} messages")
        if not deleted:
            return TaskResult(skipped="nothing old enough")
        return TaskResult(result={"deleted": deleted})

    return JobKind(name="tidy_messages", handler=run, config=TidyConfig, interval_minutes=60)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The service's engine first, the scheduler on it, and both closed in the other order."""
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "CREATE TABLE IF NOT EXISTS messages (id bigserial PRIMARY KEY, person text NOT NULL,"
                " said text NOT NULL, said_at timestamptz NOT NULL DEFAULT now())"
            )
        )
    try:
        async with open_runtime(load_settings(), engine=engine, kinds=[tidy_messages(engine)]) as runtime:
            app.state.runtime = runtime
            yield
    finally:
        await engine.dispose()


app = FastAPI(lifespan=lifespan)


def scheduler(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


@app.post("/messages")
async def reply(message: Message, runtime: Annotated[Runtime, Depends(scheduler)]) -> Prompt:
    """Remembers what was said, and answers with the prompt for a model: the persona and what is known."""
    person = Entity(EntityType.USER, message.user)
    async with runtime.database.engine.begin() as connection:
        said = text("INSERT INTO messages (person, said) VALUES (:person, :said) RETURNING id")
        number = (await connection.execute(said, {"person": message.user, "said": message.text})).scalar_one()
    await runtime.profiles.add(
        [
            NewAttribute(
                entity=person,
                category="context",
                key="said",
                value=message.text,
                source="inferred",
                source_message_id=str(number),
            )
        ]
    )
    # One indexed read from the database's cache; None until the first summary was published.
    summary = await runtime.profiles.summary(person)
    system = PERSONA if summary is None else f"{PERSONA}\n\nWhat you know of {message.user}:\n{summary}"
    return Prompt(system=system, user=message.text)
