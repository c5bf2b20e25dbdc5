"""What a game counts, month by month: what countries paid abroad, and what their users lacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from io import BytesIO

import numpy as np

from sim.agents.origins import Origins
from sim.arrays import FloatArray, Groups, IntArray
from sim.engine.borders import Border
from sim.engine.recording import Recording
from sim.engine.result import StepResult
from sim.engine.run import Run
from sim.errors import MonaziteError
from sim.instruments.process import Process
from sim.lesson.abroad import Abroad

__all__ = ["Accountant", "Marks"]

FLOORS = "price_floor"
"""Process that pays what a state owes under a floor, and its variable."""
FLOOR_PAID = "floor_paid"


@dataclass(frozen=True)
class Marks:
    """Some months of a game: M members, S months, G goods shown, C countries of the world.

    Attributes:
        price: (M, S, G) USD/t outside the lesson's exporter, whoever restricts exports in the game.
        need, short: (M, S, C) USD at base-year prices, needed and missing, of all goods that are run.
        paid: (M, S, C) USD paid abroad for them, with freight, less what was earned abroad, at the gate.
        support: (M, S, C) USD that floors of prices cost the state.
    """

    price: FloatArray
    need: FloatArray
    short: FloatArray
    paid: FloatArray
    support: FloatArray

    def behind(self, before: Marks) -> Marks:
        """These months after others."""
        pairs = ((getattr(before, f.name), getattr(self, f.name)) for f in fields(self))
        return Marks(*(np.concatenate(pair, axis=1) for pair in pairs))

    def months(self, first: int, last: int) -> Marks:
        """Some months alone, the last one left out."""
        return Marks(*(getattr(self, f.name)[:, first:last] for f in fields(self)))

    def rows(self, chosen: slice) -> Marks:
        """Some members alone."""
        return Marks(*(getattr(self, f.name)[chosen] for f in fields(self)))

    def packed(self) -> bytes:
        """As bytes of a file of arrays."""
        target = BytesIO()
        np.savez(target, **{f.name: getattr(self, f.name) for f in fields(self)})
        return target.getvalue()

    @staticmethod
    def unpacked(data: bytes, like: tuple[int, int, int, int]) -> Marks:
        """From such bytes; nothing in them is run.

        Args:
            like: members, months, goods and countries.

        Raises:
            MonaziteError: they are none, or of another game.
        """
        members, months, goods, countries = like
        try:
            with np.load(BytesIO(data), allow_pickle=False) as held:
                arrays = [np.asarray(held[f.name], dtype=np.float64) for f in fields(Marks)]
        except (ValueError, KeyError, OSError, EOFError) as error:
            raise MonaziteError(f"no months of a game: {error}") from None
        except Exception as error:  # noqa: BLE001 - zipfile and numpy raise many kinds on damaged files
            raise MonaziteError(f"no months of a game: {error}") from None
        widths = [goods, *[countries] * (len(arrays) - 1)]
        shapes = [(members, months, width) for width in widths]
        if [a.shape for a in arrays] != shapes or not all(np.isfinite(a).all() for a in arrays):
            raise MonaziteError("these are months of another game")
        return Marks(*arrays)


class Accountant(Recording):
    """Keeps marks of the steps that it sees.

    Args:
        goods: ids of the goods whose prices are shown. homes: (all goods,) countries outside of which they
            are shown. payers: event id -> place of the country whose state pays for it.
    """

    def __init__(
        self, goods: Sequence[str], homes: IntArray, payers: Mapping[str, int], case: Run,
        families: Sequence[Origins], processes: Sequence[Process],
    ) -> None:  # fmt: skip
        world = case.world
        ids = [good.id for good in world.goods]
        self._goods = [ids.index(good) for good in goods]
        self._case, self._border, self._abroad = case, Border(case), Abroad(homes, case)
        self._countries = len(world.countries)
        self._users = Groups(world.need_country)
        self._worth = world.base_price[world.need_good]
        exporters = case.observer.exporters.keys
        self._sold_good, seller = np.divmod(exporters, self._countries)
        self._sellers = Groups(seller)
        self._importers = Groups(case.observer.importers.keys % self._countries)
        self._payers = [
            (k, payers[event])
            for process in processes if process.name == FLOORS
            for k, event in enumerate(process.labels()["floor"][1]) if event in payers
        ]  # fmt: skip
        self._rows: list[tuple[FloatArray, ...]] = []

    def record(self, result: StepResult) -> None:
        """Keep what the step brought."""
        count, users = self._countries, self._users
        need, short = (users.spread_sums(t * self._worth, count) for t in (result.required, result.shortfall))
        gate = result.prices.standing("gate")[:, self._sold_good]
        sold = self._case.observer.exports(result.clearing) * gate
        bought = self._border.imports(result.market, result.clearing)["import_value"]
        paid = self._importers.spread_sums(bought, count) - self._sellers.spread_sums(sold, count)
        support = np.zeros_like(paid)
        for k, payer in self._payers:
            support[:, payer] += result.booked[FLOOR_PAID][:, k]
        price = self._abroad.price(result)[:, self._goods]
        self._rows.append((price, need, short, paid, support))

    def marks(self) -> Marks:
        """All that was kept."""
        return Marks(*(np.stack(column, axis=1) for column in zip(*self._rows, strict=True)))
