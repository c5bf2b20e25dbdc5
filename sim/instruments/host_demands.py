"""``host_demands``: countries that hold ore ask for more: royalties, a share, processing at home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.instruments.base import Instrument
from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.process import Ended, Process, Setting, Stocks, Traced
from sim.instruments.selecting import origins, where_any
from sim.instruments.words import Countries, Goods, Stages, Truth, WordError, joined, quantity, select_goods
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.arrays import FloatArray, Groups, IntArray
    from sim.controls import Controls
    from sim.world.labels import Labels
    from sim.world.world import BoolArray, World

__all__ = ["INSTRUMENT", "HostDemands"]

MINE, PLANT = "miner", "processor"
Royalty = Annotated[Quantity, quantity("share", 0.0, 0.9, "a share from 0 % to 90 %")]
Share = Annotated[Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %")]


class HostDemands(Instrument):
    """What hosts ask of the mines in their country, whoever owns them; today's demands are in costs already.

    A royalty is a share of what output is worth at the gate, sold abroad or at home: mines reckon with what
    is left to them. A carried share is a share of their margins, for which nothing is paid: it changes
    nothing for a mine that runs, and makes one that is not built yet worth less. ``processing`` is the share
    of what mines usually make that must stay in the country, ``ore_ban`` forbids that any of it leaves.
    """

    type: Literal["host_demands"] = "host_demands"
    by: Annotated[Countries, Field(description="host countries or groups", examples=["COD"])]
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes")] = ("all",)
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    royalty: Annotated[
        dict[Since, Royalty] | None,
        BeforeValidator(lambda given: None if given is None else by_date(given)),
        Field(description="share of revenue beside today's royalties, or date: share", examples=["5 %"]),
    ] = None
    carried: Annotated[
        Share | None, Field(description="share of margins for which nothing is paid", examples=["10 %"])
    ] = None
    processing: Annotated[
        Share | None, Field(description="share of usual output that must stay at home", examples=["50 %"])
    ] = None
    ore_ban: Annotated[Truth, Field(description="nothing that mines make may leave")] = False

    def model_post_init(self, context: object, /) -> None:
        """Something must be asked, and a ban leaves nothing to be rationed."""
        if self.royalty is None and self.carried is None and self.processing is None and not self.ore_ban:
            raise WordError(
                "none of 'royalty', 'carried', 'processing' and 'ore_ban' is given",
                "write for example 'royalty: 5 %'",
            )
        if self.ore_ban and self.processing is not None:
            raise WordError(
                "'ore_ban' keeps all in the country, 'processing' a share of it", "leave one of them out"
            )
        super().model_post_init(context)

    def clause(self) -> str:
        """Who asks for what of which mines."""
        asks = []
        if self.royalty is not None:
            asks.append(f"takes a further royalty of {say_dated(self.royalty)}")
        if self.carried is not None:
            asks.append(f"has {self.carried} of margins for nothing")
        if self.processing is not None:
            asks.append(f"keeps {self.processing} of output in the country")
        if self.ore_ban:
            asks.append("lets none of it leave unprocessed")
        goods = self.say_goods(self.goods, self.stages)
        return f"{self.say_countries(self.by)}, host of mines of {goods}, {joined(asks)}"

    def mines(self, world: World) -> BoolArray:
        """(O,) offers of mines in the host countries, of goods that no plant makes: not of recyclers."""
        import numpy as np

        mask = np.isin(world.offer_good, self.good_indices(world, self.goods, self.stages))
        mask &= self.country_mask(world, self.by)[world.offer_country]
        kinds = np.array(world.facility_kind)[world.offer_facility]
        mask &= (kinds == MINE) & ~np.isin(world.offer_good, world.offer_good[kinds == PLANT])
        return mask

    def links(self, controls: Controls) -> BoolArray:
        """(G, C, C) links abroad of what mines make in the hosts' countries, whoever sells it there."""
        import numpy as np

        world, links = controls.world, controls.no_links()
        at = np.flatnonzero(self.mines(world))
        links[world.offer_good[at], world.offer_country[at]] = True
        diagonal = np.arange(len(world.countries))
        links[:, diagonal, diagonal] = False
        return links

    def apply(self, controls: Controls, share: Amount) -> None:
        """Mines ask for what a royalty takes from them; what must stay does not leave.

        Equation (M154), docs/model.md, for ``delta_s``.
        """
        mines, terms = self.mines(controls.world), controls.projects
        projects = _projects(controls.world, mines)
        if self.royalty is not None:
            taken = share * self.now(controls, self.royalty)
            controls.scale_asks(mines, 1 / (1 - taken))
            terms.add_share("royalty", projects, taken)
        if self.carried is not None:
            terms.add_share("carried", projects, share * self.carried.amount)
        links = self.links(controls)
        if self.ore_ban:
            controls.close_links(self.id, links, share, self.partly(controls))
        elif self.processing is not None:
            self._ration(controls, mines, links)
        if self.royalty is None and self.carried is None:
            controls.touch_links(self.id, links)
        else:
            controls.touched_offers[self.id] = mines

    def _ration(self, controls: Controls, mines: BoolArray, links: BoolArray) -> None:
        """A ceiling on exports for each good and host: a share of what its mines usually make."""
        from sim.controls import Cap

        assert self.processing is not None
        world, left = controls.world, 1 - self.processing.amount
        for good, origin, destinations in origins(links):
            makers = mines & (world.offer_good == good) & (world.offer_country == origin)
            # Whoever looks ahead takes the output of the base year.
            usual = float(world.offer_output[makers].sum())
            controls.caps.append(Cap(
                self.id, good, origin, destinations, left * usual, makers=makers, part=left
            ))  # fmt: skip

    def restricts(self, controls: Controls) -> BoolArray:
        """The links abroad, where something must stay."""
        kept: Amount = 1.0 if self.ore_ban else self.processing.amount if self.processing else 0.0
        return where_any(self.links(controls), kept)

    @classmethod
    def process(cls, events: Sequence[Instrument], setting: Setting) -> Process | None:
        """What hosts earn by it."""
        asking = [event for event in events if isinstance(event, HostDemands) and not event.in_base_year]
        takes = [event for event in asking if event.royalty is not None or event.carried is not None]
        income = HostIncome(takes, setting)
        return income if income.rows else None

    def touches(self, labels: Labels) -> bool:
        """Whether any mine there made anything or may come to; where ore alone is kept, sold it abroad."""
        codes = {code for word in self.by for code in labels.group(word)}
        goods = {labels.goods[i].id for i in select_goods(labels.goods, self.goods, self.stages or ())}
        goods -= {good for good, name in labels.output if labels.facilities[name].kind == PLANT}
        made = {
            (good, labels.facilities[name].country)
            for (good, name), tonnes in labels.output.items()
            if tonnes > 0 and good in goods and labels.facilities[name].kind == MINE
            and labels.facilities[name].country in codes
        }  # fmt: skip
        if self.royalty is not None or self.carried is not None:
            built = (labels.facilities[name] for name in labels.projects)
            return bool(made) or any(one.kind == MINE and one.country in codes for one in built)
        return any(
            self.traded(labels, (good,), None, (country,), ("world",)) for good, country in sorted(made)
        )


def _projects(world: World, offers: BoolArray) -> BoolArray:
    """(J,) projects that any of the offers (O,) is of."""
    import numpy as np

    found = np.zeros(len(world.projects), dtype=bool)
    of_project = world.project_of_offer[offers]
    found[of_project[of_project >= 0]] = True
    return found


class HostIncome(Process):
    """What hosts take of what mines sell for, (M, H) USD in a step, by event and country.

    Where several events ask of one mine, each takes its share of what those before it in the alphabet leave.

    Attributes:
        rows: event and country of each. royalty, carried: of the step.
    """

    name = "host_demands"

    def __init__(self, events: Sequence[HostDemands], setting: Setting) -> None:
        import numpy as np

        from sim.arrays import Groups

        world = self._world = setting.world
        self._stocks: Stocks | None = None
        self._of: list[tuple[HostDemands, IntArray, Groups]] = []
        self.rows: list[tuple[str, str]] = []
        for event in sorted(events, key=lambda event: event.id):
            at = np.flatnonzero(event.mines(world))
            if len(at):
                groups = Groups(world.offer_country[at])
                self._of.append((event, at, groups))
                self.rows += [(event.id, world.countries[key]) for key in groups.keys.tolist()]
        self.royalty, self.carried = (np.zeros((setting.members, len(self.rows))) for _ in range(2))
        self._taken = np.zeros((setting.members, len(world.offer_good)))

    def start(self, stocks: Stocks, tracers: Sequence[Traced]) -> None:
        """The agents' state, which holds what mining costs and what it is paid."""
        self._stocks = stocks

    def after(self, ended: Ended) -> None:
        """Royalties on what was made, at the prices of the step, and shares of what is left over costs.

        Equations (M157) and (M158), docs/model.md, for ``hry_v`` and ``hcs_v``.
        """
        import numpy as np

        assert self._stocks is not None
        worth = ended.output * self._world.base_price[self._world.offer_good]
        # At the price with which projects reckon, too: a newcomer's first tonnes are no measure of it.
        left = self._stocks.gate_price * worth
        cost = worth * self._stocks.cash_cost * ended.controls.own_cost_factor
        before, royalty = left, []
        for event, at, groups in self._of:
            share = ended.shares.get(event.id, 0.0)
            rate = 0.0 if event.royalty is None else share * event.now(ended.controls, event.royalty)
            taken = np.zeros_like(left)
            taken[:, at] = left[:, at] * np.reshape(rate, (-1, 1))
            royalty.append(groups.sums(taken[:, at]))
            left = left - taken
        margin, carried = np.maximum(left - cost, 0.0), []
        for event, at, groups in self._of:
            share = ended.shares.get(event.id, 0.0)
            part = 0.0 if event.carried is None else share * event.carried.amount
            taken = np.zeros_like(left)
            taken[:, at] = margin[:, at] * np.reshape(part, (-1, 1))
            carried.append(groups.sums(taken[:, at]))
            left, margin = left - taken, margin - taken
        self.royalty, self.carried = np.concatenate(royalty, axis=1), np.concatenate(carried, axis=1)
        self._taken = before - left

    def support(self) -> FloatArray:
        """(M, O) USD, below 0: what is taken from sellers."""
        return -self._taken

    def book(self) -> Mapping[str, FloatArray]:
        """USD taken in the step."""
        return {"host_royalty": self.royalty, "host_carried": self.carried}

    def labels(self) -> Mapping[str, tuple[str, Sequence[str]]]:
        """Event and country of each row."""
        return {
            "host_event": ("host", [event for event, _ in self.rows]),
            "host_country": ("host", [country for _, country in self.rows]),
        }


INSTRUMENT = HostDemands
