"""Goods in use and scrap in plain loops, as :mod:`sim.agents.scrap` has them on arrays."""

from __future__ import annotations

import math

from sim.errors import MonaziteError
from sim.twin.objects import Need, ObjectModel, Offer, share_of
from sim.world.scrap import STAGES

__all__ = ["ObjectScrap"]


class InUse:
    """What a user has in use of a good."""

    def __init__(self, need: Need, years: float, growth: float, step_years: float) -> None:
        """Args: ``growth`` of use before the base year, 1/year."""
        self.need = need
        self.leaving = 1 - math.exp(-STAGES * step_years / years)
        self.growth = math.exp(growth * step_years) - 1
        tonnes = need.use / (self.growth + self.leaving)
        self.stages: list[float] = []
        for _ in range(STAGES):
            self.stages.append(tonnes)
            tonnes *= self.leaving / (self.growth + self.leaving)
        # In the step before the first.
        self.retired = self.stages[-1] * self.leaving / (1 + self.growth)
        self.used = need.use

    def age(self) -> None:
        """A step later."""
        self.used = self.need.consumed
        out = [tonnes * self.leaving for tonnes in self.stages]
        come = [self.used, *out[:-1]]
        self.stages = [t - o + c for t, o, c in zip(self.stages, out, come, strict=True)]
        self.retired = out[-1]


class Recycler:
    """A recycler of the base year and what it draws on."""

    def __init__(self, offer: Offer, most: float, step_years: float) -> None:
        self.offer, self.step_years = offer, step_years
        self.links: list[tuple[InUse, float, float]] = []
        """What is in use, tonnes that can be recovered of one, and the share of it that comes out."""
        self.room = offer.capacity / offer.output
        self.now = self.collected = 0.0
        self.most = most
        self.arising = 0.0

    def begin(self) -> None:
        """The base year: what it made is a share of what arose."""
        self.arise()
        self.now = self.collected = min(self.offer.output / max(self.arising, 1e-12), 1.0)
        self.most = max(self.most, self.now)
        self.offer.most_made = self.arising * self.most

    def arise(self) -> None:
        """Tonnes a year that would come out if all were collected."""
        self.arising = sum(use.retired * content * out for use, content, out in self.links) / self.step_years

    def ahead(self, response: float, years: float, time: float) -> float:
        """Share that is collected a time on, at the last price."""
        odds = self.most / self.now - 1
        wanted: float = self.most / (1 + odds * self.offer.price**-response)
        return self.collected + share_of(1 / years, time) * (wanted - self.collected)


class ObjectScrap:
    """All goods in use of a world and their recyclers; none where nothing is followed.

    Raises:
        MonaziteError: a recycler is new, and the twin has no facilities that enter later.
    """

    def __init__(self, model: ObjectModel) -> None:
        self.model, scrap = model, model.world.scrap
        self.uses: list[InUse] = []
        self.recyclers: list[Recycler] = []
        if scrap is None:
            return
        if scrap.new.any():
            raise MonaziteError("the twin has no recyclers that enter later; run sim.engine.Simulation")
        b, step = model.b, model.step_years
        for need, years, growth in zip(scrap.needs, scrap.years, scrap.past_growth, strict=True):
            life, past = years * b["lifetime_scale"], growth * b["past_growth_scale"]
            self.uses.append(InUse(model.needs[int(need)], float(life), float(past), step))
        for offer, most in zip(scrap.offers, scrap.collected_most, strict=True):
            self.recyclers.append(Recycler(model.offers[int(offer)], float(most), step))
        pairs = zip(scrap.link_recycler, scrap.link_use, scrap.content, scrap.recovery, strict=True)
        for recycler, use, content, recovery in pairs:
            self.recyclers[int(recycler)].links.append((self.uses[int(use)], float(content), float(recovery)))
        for recycler in self.recyclers:
            recycler.begin()

    def step(self) -> None:
        """A step is over: goods age, scrap arises, recyclers follow what pays."""
        b = self.model.b
        for use in self.uses:
            use.age()
        for recycler in self.recyclers:
            recycler.arise()
            recycler.collected = recycler.ahead(b["scrap_response"], b["scrap_years"], self.model.step_years)
            offer = recycler.offer
            offer.capacity, offer.building = recycler.arising * recycler.collected * recycler.room, 0.0
            offer.most_made = recycler.arising * recycler.most
            within_a_year = recycler.ahead(b["scrap_response"], b["scrap_years"], 1.0)
            offer.coming_capacity = recycler.arising * within_a_year * recycler.room
