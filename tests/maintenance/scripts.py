"""What a good model answers to the prompts about stored profiles, for models that are scripts."""

from collections.abc import Callable

from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.maintenance.profile_maintenance import ProfileMaintenanceService
from tests.maintenance.models import FakeModel, perfect


async def good_scripts(
    store: ProfileStore, *, context_tokens: int, count_tokens: Callable[[str], int]
) -> dict[str, str]:
    """The answer for each prompt of a run over all stored profiles, by the prompt's first line.

    The first line is in no other prompt, so it can serve as the keyword that picks the script. Both arguments
    must be those of the model that will be asked, because they decide how lines are divided into prompts.
    """
    model = FakeModel(perfect, context_tokens=context_tokens, tokens_of=count_tokens)
    service = ProfileMaintenanceService(store=store, model=model)
    for listing in await store.entities():
        await service.plan(listing.profile.entity)
    return dict(model.answers)
