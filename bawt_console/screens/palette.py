"""The registry's actions in the command palette."""

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from bawt_console.actions import Action
from bawt_console.screens.live import LiveScreen, spell


class ActionsOfScreen(Provider):
    """Offers what can be done on the screen below the palette, and only that."""

    async def discover(self) -> Hits:
        for each in self._possible():
            yield DiscoveryHit(
                Content(_name(each)), partial(self._do, each), text=_name(each), help=each.help
            )

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for each in self._possible():
            score = matcher.match(_name(each))
            if score > 0:
                shown = matcher.highlight(_name(each))
                yield Hit(score, shown, partial(self._do, each), text=_name(each), help=each.help)

    def _possible(self) -> list[Action]:
        screen = self.screen
        if not isinstance(screen, LiveScreen):
            return []
        return [each for each in screen.actions if each.in_palette and screen.why_not(each.id) is None]

    async def _do(self, each: Action) -> None:
        await self.app.run_action(spell(each), self.screen)


def _name(each: Action) -> str:
    return f"{each.label[:1].upper()}{each.label[1:]}  ({each.key})"
