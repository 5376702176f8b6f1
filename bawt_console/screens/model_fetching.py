"""Fetching a model from a screen: the catalogue, the question before, progress, stopping and going on.

Whoever leaves the screen or is asked something else is not waited for: the download goes on behind it.
"""

from dataclasses import replace

from bawt_console.formatting import Phrase, Tone, phrase, size
from bawt_console.screens.desk import Desk
from bawt_console.screens.dialogs import ConfirmScreen, ReasonScreen
from bawt_console.screens.live import LiveScreen
from bawt_console.screens.model_offers import OffersPane
from bawt_console.shelf import DownloadState, DownloadStoppedError, Shelf
from bawt_console.widgets.download_line import Fate, Transfer, transfer_parts
from bawt_console.widgets.line import PartsLine
from bawt_console.widgets.model_table import Offer
from scheduler_core.errors import SchedulerError, StateError

LONGEST_ADDRESS = 2_000


class ModelFetching(LiveScreen):
    """A screen with an `OffersPane` and a line `#transfer`."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._transfer: Transfer | None = None

    @property
    def shelf(self) -> Shelf:
        """
        Raises:
            StateError: this console was not told where models lie.
        """
        shelf = self.source.models
        if shelf is None:
            raise StateError("This console does not know the models of this machine.")
        return shelf

    @property
    def offers(self) -> OffersPane:
        return self.query_one(OffersPane)

    @property
    def offer(self) -> Offer | None:
        """What can be fetched, if that is where the focus is."""
        return self.offers.selected if self.offers.table.has_focus else None

    @property
    def transfer(self) -> Transfer | None:
        """The latest download."""
        return self._transfer

    @property
    def is_fetching(self) -> bool:
        """Whether a download goes on, even if it was told to stop."""
        fates = (Fate.GOES_ON, Fate.STOPPING)
        return self._transfer is not None and self._transfer.fate in fates

    def show_catalogue(self) -> None:
        """Brings the pane of offers to the front."""
        raise NotImplementedError

    def action_rescan(self) -> None:
        """Reads the folders again."""
        raise NotImplementedError

    def action_catalogue(self) -> None:
        self.show_catalogue()
        self.offers.table.focus()
        if not self.offers.is_fetched:
            self._fetch_catalogue()

    def action_download(self) -> None:
        transfer, chosen = self._transfer, self.offer
        if chosen is not None and (transfer is None or transfer.wanted != chosen.wanted):
            self.confirm_download(chosen)
        elif transfer is not None and transfer.fate is Fate.STOPPED:
            # It was asked about when it began.
            self.fetch(transfer.wanted, transfer.name)
        elif chosen is not None:
            self.confirm_download(chosen)
        else:
            self.action_catalogue()

    def action_download_from(self) -> None:
        transfer = self._transfer

        def answered(address: str | None) -> None:
            if address:
                self.fetch(address, name_of_address(address))

        lines = [
            phrase("A .gguf file behind http:// or https://. It is checked before it is used.", Tone.MUTED)
        ]
        self.app.push_screen(
            ReasonScreen(
                title="Fetch a model from which address?",
                lines=lines,
                value=transfer.wanted if transfer is not None and transfer.fate is Fate.FAILED else "",
                deed="fetch it",
                placeholder="https://…/model.Q4_0.gguf",
                longest=LONGEST_ADDRESS,
            ),
            answered,
        )

    def stop_fetching(self) -> None:
        """Ends the download at its next block; what is here stays."""
        if self.is_fetching and self._transfer is not None:
            self._show_transfer(replace(self._transfer, fate=Fate.STOPPING))
            self.shelf.stop_download()

    def confirm_download(self, offer: Offer) -> None:
        """Asks, then fetches."""
        if offer.is_here:
            self.refuse(f"{offer.file_name} is here already.")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.fetch(offer.wanted, offer.name)

        self.app.push_screen(
            ConfirmScreen(
                title="Go on with this download?" if offer.done else "Download this model?",
                lines=_described(offer),
                deed="Go on" if offer.done else "Download",
                refusal="Not now",
            ),
            answered,
        )

    def fetch(self, wanted: str, name: str) -> None:
        """Downloads by a name of the catalogue or an address, beside whatever else is done here."""
        if self.is_fetching:
            self.refuse(f"A download goes on already; {self.desk.key('stop')} stops it.")
            return
        shelf = self.shelf
        kept = (
            self._transfer.state if self._transfer is not None and self._transfer.wanted == wanted else None
        )
        self._show_transfer(Transfer(wanted=wanted, name=name))

        async def fetch() -> str:
            try:
                said = await shelf.download(wanted, on_progress=self._progressed)
            except DownloadStoppedError as error:
                self._end(Fate.STOPPED)
                return f"{error.title} {self.desk.key('download')} goes on from there."
            except SchedulerError as error:
                self._end(Fate.FAILED, f"{error.title} {error.hint}".strip(), kept)
                raise
            self._end(Fate.DONE, said)
            return said

        self.act(fetch)

    def _progressed(self, state: DownloadState) -> None:
        if self._transfer is not None and self.is_fetching:
            self._show_transfer(replace(self._transfer, state=state))

    def _end(self, fate: Fate, says: str = "", kept: DownloadState | None = None) -> None:
        assert self._transfer is not None
        state = self._transfer.state or kept
        self._show_transfer(replace(self._transfer, fate=fate, says=says, state=state))
        if self.is_attached:
            self.action_rescan()

    def _show_transfer(self, transfer: Transfer) -> None:
        self._transfer = transfer
        if not self.is_attached:
            # It goes on while the console is being left.
            return
        line = self.query_one("#transfer", PartsLine)
        line.display = True
        line.show(transfer_parts(transfer, keys=(self.desk.key("stop"), self.desk.key("download"))))
        self.refresh_chrome()

    def _fetch_catalogue(self) -> None:
        shelf, before = self.shelf, self.focused
        self.offers.ask()

        async def ask() -> str:
            try:
                self.offers.give(await shelf.catalogue())
            except SchedulerError as error:
                self.offers.fail(error)
                if self.offers.selected is not None:
                    # The list of what was begun stays; the reason is told beside it.
                    raise
            if self.focused in (None, before):
                # The table was hidden while it was empty and could not take the focus.
                self.offers.table.focus()
            self.refresh_chrome()
            return ""

        self.act(ask)


def name_of_address(wanted: str) -> str:
    """The file that an address ends in; a name of the catalogue as it is."""
    return wanted.partition("?")[0].rpartition("/")[2] or wanted


def _described(offer: Offer) -> list[Phrase]:
    amount = size(offer.size_bytes) if offer.size_bytes else "size not known"
    what = phrase(offer.name, Tone.STRONG) + phrase(f"   {amount}")
    if offer.done:
        what += phrase(f", {size(offer.done)} of it are here", Tone.MUTED)
    lines = [what]
    if offer.memory:
        lines.append(phrase(f"To run it wants about {offer.memory} GB of memory.", Tone.MUTED))
    source = f" from {offer.host}" if offer.host else ""
    lines.append(
        phrase(f"{offer.file_name} is fetched{source}; it can be stopped and go on later.", Tone.MUTED)
    )
    return lines
