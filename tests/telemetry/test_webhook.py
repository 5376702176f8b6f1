"""Webhooks against a real database and a web server that misbehaves."""

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.webhook_store import WebhookStore
from scheduler_core.domain import Run, RunStatus
from scheduler_core.telemetry.webhook import Webhook, events_of, signature
from tests.telemetry.receiver import HANG_UP, Receiver, receiving

EVERYTHING = ("failed", "suspicious", "missed")
SECRET = "whsec_" + base64.b64encode(b"a key of some length").decode()


async def a_run(database: Database, status: RunStatus = RunStatus.FAILED, **columns: object) -> Run:
    values = {
        "job_type": "profile_maintenance",
        "bot_id": "nova",
        "status": status.value,
        "started_at": datetime(2026, 3, 1, tzinfo=UTC),
        "finished_at": datetime(2026, 3, 1, 0, 0, 2, tzinfo=UTC),
        "duration_ms": 2000,
        **columns,
    }
    names = ", ".join(values)
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    async with database.connection() as connection:
        run_id: UUID = await connection.fetchval(
            f"INSERT INTO job_runs ({names}) VALUES ({places}) RETURNING id", *values.values()
        )
    return await History(database).run(run_id)


def a_webhook(database: Database, receiver: Receiver, *, secret: str = SECRET) -> Webhook:
    return Webhook(
        WebhookStore(database), History(database), url=receiver.url, secret=secret, wanted=EVERYTHING
    )


async def make_due(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE webhook_deliveries SET next_attempt_at = now()")


async def standing(database: Database) -> list[tuple[int, bool, bool]]:
    """Attempts, whether it is over, and whether it was heard."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT attempts, ended_at IS NOT NULL AS over, delivered FROM webhook_deliveries"
        )
    return [(row["attempts"], row["over"], row["delivered"]) for row in rows]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=2) as opened:
        yield opened


async def test_a_failed_run_is_told_once_with_a_signature_that_fits(
    database: Database, client: httpx.AsyncClient
) -> None:
    run = await a_run(database, error_message="The model died.")
    with receiving() as receiver:
        webhook = a_webhook(database, receiver)
        await webhook.note([run])
        await webhook.note([run])
        assert await webhook.run_once(client) == 1
        assert await webhook.run_once(client) == 0
    [heard] = receiver.heard
    told = json.loads(heard.body)
    assert told["type"] == "run.failed"
    assert told["data"]["run_id"] == str(run.id)
    assert told["data"]["error_message"] == "The model died."
    signed = f"{heard.headers['webhook-id']}.{heard.headers['webhook-timestamp']}.".encode() + heard.body
    mac = hmac.new(b"a key of some length", signed, hashlib.sha256).digest()
    assert heard.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert await standing(database) == [(1, True, True)]


async def test_without_a_secret_nothing_is_signed(database: Database, client: httpx.AsyncClient) -> None:
    with receiving() as receiver:
        webhook = a_webhook(database, receiver, secret="")
        await webhook.note([await a_run(database)])
        await webhook.run_once(client)
    assert "webhook-signature" not in receiver.heard[0].headers


@pytest.mark.parametrize("fault", [500, 429, 404, 302, HANG_UP])
async def test_what_was_not_heard_is_told_again_under_the_same_id(
    database: Database, client: httpx.AsyncClient, fault: int
) -> None:
    with receiving(fault, 204) as receiver:
        webhook = a_webhook(database, receiver)
        await webhook.note([await a_run(database)])
        await webhook.run_once(client)
        assert await standing(database) == [(1, False, False)]
        assert await webhook.run_once(client) == 0, "not before its pause is over"
        await make_due(database)
        assert await webhook.run_once(client) == 1
    assert await standing(database) == [(2, True, True)]
    first, second = receiver.heard
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_a_receiver_that_is_gone_for_good_is_left_alone(
    database: Database, client: httpx.AsyncClient
) -> None:
    with receiving(410) as receiver:
        webhook = a_webhook(database, receiver)
        await webhook.note([await a_run(database)])
        await webhook.run_once(client)
    assert await standing(database) == [(1, True, False)]


async def test_it_gives_up_after_its_last_pause(database: Database, client: httpx.AsyncClient) -> None:
    with receiving(500) as receiver:
        webhook = a_webhook(database, receiver)
        await webhook.note([await a_run(database)])
        for _ in range(10):
            await make_due(database)
            await webhook.run_once(client)
    assert await standing(database) == [(10, True, False)]
    assert len(receiver.heard) == 10


async def test_two_nodes_tell_a_run_once(database: Database, client: httpx.AsyncClient) -> None:
    with receiving() as receiver:
        one, other = a_webhook(database, receiver), a_webhook(database, receiver)
        run = await a_run(database)
        await one.note([run])
        await other.note([run])
        assert await one.run_once(client) + await other.run_once(client) == 1


async def test_the_address_is_in_no_log(
    database: Database, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="scheduler_core")
    with receiving(500) as receiver:
        webhook = a_webhook(database, receiver)
        await webhook.note([await a_run(database)])
        await webhook.run_once(client)
    # And once more with nobody there.
    await make_due(database)
    await webhook.run_once(client)
    assert "answered 500" in caplog.text
    assert "no answer" in caplog.text
    assert "very-secret-path" not in caplog.text


async def test_a_run_that_is_gone_is_not_told(database: Database, client: httpx.AsyncClient) -> None:
    run = await a_run(database)
    with receiving() as receiver:
        webhook = a_webhook(database, receiver)
        await webhook.note([replace(run, id=uuid4())])
        await webhook.run_once(client)
    assert receiver.heard == []
    assert await standing(database) == [(1, True, False)]


async def test_what_there_is_to_tell_follows_from_the_run(database: Database) -> None:
    fine = await a_run(database, RunStatus.SUCCESS)
    assert events_of(fine, EVERYTHING) == []
    odd = replace(fine, suspicious=("much shorter",), coalesced=2)
    assert events_of(odd, EVERYTHING) == ["run.suspicious", "run.missed"]
    assert events_of(odd, ["missed"]) == ["run.missed"]
    assert events_of(replace(odd, attempt=2), EVERYTHING) == ["run.suspicious"]
    skipped = replace(fine, status=RunStatus.SKIPPED, reason="missed: 3 slots came while nothing ran")
    assert events_of(skipped, EVERYTHING) == ["run.missed"]


def test_a_signature_is_that_of_the_standard() -> None:
    # The example of the specification's reference libraries.
    assert (
        signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp=1614265330,
            body=b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )
