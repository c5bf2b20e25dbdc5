"""Projects: what one is worth, at which prices, and how fast it begins, is built, stops and is given up.

Decisions alone: functions of arrays (M, J), members by projects. What is remembered of each project, and what
of it moves the world, stands in :mod:`sim.engine.projects`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.agents.prepared import Prepared
from sim.arrays import FloatArray, Groups, IntArray
from sim.instruments.process import Promise

__all__ = [
    "Layout", "annuity", "capital_cost", "chosen", "expected_price", "finance", "logistic", "outlay",
    "owners_part", "promised", "unit_cost", "value", "whole_cost", "years_paid",
]  # fmt: skip

LARGEST = 500.0
"""Of an exponent, so that its power is a number."""
LEAST_DRAWN = 1e-9
"""USD a year, so that nothing divided by nothing is a number."""


@dataclass(frozen=True)
class Layout:
    """Where the projects stand on the axes of offers, and what their output is worth. L offers of projects.

    Attributes:
        offers: (L,) offers. project: (L,) project of each. weight: (L,) its share in the project's revenue.
        revenue: (J,) USD a year at capacity and base prices. plant: (J,) number among plants; -1 for mines.
    """

    offers: IntArray
    project: IntArray
    weight: FloatArray
    revenue: FloatArray
    plant: IntArray
    _groups: Groups

    @classmethod
    def of(cls, prepared: Prepared) -> Layout:
        """The projects of a world."""
        world, count = prepared.world, len(prepared.world.projects)
        offers = np.flatnonzero(world.project_of_offer >= 0)
        project = world.project_of_offer[offers]
        worth = world.offer_capacity[offers] * world.base_price[world.offer_good[offers]]
        revenue: FloatArray = np.bincount(project, worth, count).astype(np.float64)
        plant: IntArray = np.full(count, -1, dtype=np.int64)
        plant[project] = prepared.benchmark.activities.offer_plant[offers]
        return cls(offers, project, worth / revenue[project], revenue, plant, Groups(project))

    def main(self) -> list[int]:
        """The offer of each project that is worth most."""
        order = np.lexsort((-self.weight, self.project))
        first = np.searchsorted(self.project[order], np.arange(len(self.revenue)))
        found: list[int] = self.offers[order[first]].tolist()
        return found

    def royalty(self, prepared: Prepared) -> FloatArray:
        """(M, J) share of revenue that goes to the host: of mines, not of plants."""
        found: FloatArray = np.where(self.plant < 0, prepared.behaviour["project_royalty"], 0.0)
        return found

    def net(self, prepared: Prepared, further: FloatArray) -> FloatArray:
        """(M, J) share of revenue that hosts leave, further royalties (1 or M, J) taken, too."""
        left: FloatArray = (1 - self.royalty(prepared)) * (1 - further)
        return left

    def usual(self, prepared: Prepared) -> FloatArray:
        """(1, J) log of the mean price of the years before, over the base year's: usual prices."""
        return self.mean(prepared.past.long_run[None, prepared.world.offer_good])

    def mean(self, by_offer: FloatArray) -> FloatArray:
        """(M, J) mean of (M, O) over a project's products, weighted with their part of revenue."""
        found: FloatArray = self._groups.sums(by_offer[:, self.offers] * self.weight)
        return found

    def total(self, by_offer: FloatArray) -> FloatArray:
        """(M, J) sum of (M, O) over a project's products."""
        found: FloatArray = self._groups.sums(by_offer[:, self.offers])
        return found


def logistic(x: FloatArray) -> FloatArray:
    """(M, J) between 0 and 1."""
    found: FloatArray = 1 / (1 + np.exp(-np.clip(x, -LARGEST, LARGEST)))
    return found


def expected_price(
    prepared: Prepared, seen: FloatArray, balance: FloatArray, usual: FloatArray
) -> FloatArray:
    """(M, J) price that builders reckon with, multiple of the base price.

    Args:
        seen: log of the mean price of the last years at which the project could have sold.
        balance: log of expected demand over the supply that builders see coming.
        usual: log of the mean price of the years before the run, over the base year's.

    Equations (M129) and (M130), docs/model.md, for ``lr_j`` and ``pj_j``.
    """
    behaviour = prepared.behaviour
    weight = behaviour["project_price_weight"]
    long_run = usual + balance / behaviour["project_supply_elasticity"]
    price: FloatArray = np.exp(weight * seen + (1 - weight) * long_run)
    return price


def unit_cost(
    prepared: Prepared, layout: Layout, cash_cost: FloatArray, own: FloatArray, index: FloatArray
) -> FloatArray:
    """(M, J) cost of what is worth one at base prices: of a plant it moves with its inputs.

    Args:
        cash_cost: (M, O) multiples of base prices. own: (1 or M, O) costs but those of inputs, over the
            base year's. index: (M, N) what needs pay.

    Equation (M131), docs/model.md, for ``cj_j``.
    """
    activities = prepared.benchmark.activities
    cost = layout.mean(cash_cost)
    own_cost = layout.mean(np.broadcast_to(own, cash_cost.shape))
    if not (layout.plant >= 0).any():
        return cost * own_cost
    inputs = activities.cost_mean(index / prepared.benchmark.base_index)[:, layout.plant]
    share = np.where(layout.plant >= 0, activities.input_cost_share[layout.plant], 0.0)
    found: FloatArray = cost * np.where(
        layout.plant >= 0, 1 + share * (inputs - 1) + (1 - share) * (own_cost - 1), own_cost
    )
    return found


def capital_cost(
    prepared: Prepared, risk: FloatArray, spread: FloatArray, offtake: FloatArray
) -> FloatArray:
    """(M, J) what a project must earn on its capital a year, before public money makes it cheaper.

    Args:
        risk: (1 or M, J) political risk, 0 to 1. spread: (M, J) deviation of its log price in a year.
        offtake: (1 or M, J) share sold ahead.

    Equation (M132), docs/model.md, for ``wacc_j``.
    """
    behaviour = prepared.behaviour
    risky = behaviour["project_capital_price"] * spread * (1 - offtake)
    cost: FloatArray = behaviour["project_capital_cost"] + behaviour["project_capital_risk"] * risk + risky
    return cost


def annuity(rate: FloatArray, years: FloatArray) -> FloatArray:
    """Value now of one a year for some years.

    Equation (M133), docs/model.md, for ``ann_j``.
    """
    found: FloatArray = -np.expm1(-rate * years) / rate
    return found


def value(
    rate: FloatArray, life: FloatArray, margin: FloatArray, added: Sequence[tuple[FloatArray, FloatArray]]
) -> FloatArray:
    """(M, J) value of a year's base revenue once the project runs: of its margin, and of what states add.

    Args:
        margin: (M, J) at market prices. added: what states add, (M, J), and the years for which they do.

    Equation (M134), docs/model.md, for ``vj_j``.
    """
    found: FloatArray = annuity(rate, life) * margin
    for due, years in added:
        found = found + annuity(rate, np.minimum(years, life)) * due
    return found


def promised(
    layout: Layout, promise: Promise, build: FloatArray, net: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(M, J) what a state has promised, net of royalties, and the years for which a project counts on it."""
    due = layout.mean(promise.due)
    return due * net, years_paid(promise, due, build, layout.revenue)


def years_paid(promise: Promise, due: FloatArray, build: FloatArray, revenue: FloatArray) -> FloatArray:
    """(M, J) years once it runs for which a project may count on what a state has promised.

    No longer than promised, nor than its money will do for those who draw on it now and for the project.

    Args:
        due: (M, J) of a year's base revenue. build: (M, J) years until it runs. revenue: (J,) USD a year.

    Equation (M189), docs/model.md, for ``yrp_j``.
    """
    agreed = np.maximum(promise.years - build, 0.0)
    pays, left = promise.pays[:, None], promise.left[:, None]
    drawn = due * revenue
    reach = np.maximum(left - pays * build, 0.0) / np.maximum(pays + drawn, LEAST_DRAWN)
    # What the state takes, it takes for as long as was agreed.
    found: FloatArray = np.where(due > 0, np.minimum(agreed, reach), agreed)
    return found


def owners_part(worth: FloatArray, carried: FloatArray) -> FloatArray:
    """(M, J) of a value, what is left to owners where a host has a share of margins for nothing.

    Args:
        carried: (1 or M, J) that share.

    Equation (M156), docs/model.md, for ``vj_j``.
    """
    left: FloatArray = np.where(worth > 0, worth * (1 - carried), worth)
    return left


def finance(prepared: Prepared, offtake: FloatArray, public: FloatArray) -> FloatArray:
    """(M, J) share of the money that is wanted that is found: more where sales or the state stand for it.

    Equation (M135), docs/model.md, for ``fin_j``.
    """
    alone = prepared.behaviour["project_finance_alone"]
    secured = 1 - (1 - offtake) * (1 - np.minimum(public, 1.0))
    found: FloatArray = alone + (1 - alone) * secured
    return found


def chosen(prepared: Prepared, gain: FloatArray) -> FloatArray:
    """(M, J) share of those who could that do so, where it pays by a gain over what it costs.

    Equation (M136), docs/model.md, for ``go_j``.
    """
    return logistic(prepared.behaviour["project_choice"] * gain)


def whole_cost(
    prepared: Prepared, cost: FloatArray, capital: FloatArray, revenue: FloatArray, life: FloatArray
) -> FloatArray:
    """(M, J) cost of what is worth one at base prices, capital (M, J) USD spread over life included.

    Args:
        cost: (M, J) without capital. revenue: (J,) USD a year at base prices. life: (J,) years.
    """
    found: FloatArray = cost + capital / (annuity(prepared.behaviour["project_capital_cost"], life) * revenue)
    return found


def outlay(prepared: Prepared, layout: Layout, stated: FloatArray, cost: FloatArray) -> FloatArray:
    """(M, J) USD of capital without overruns: as stated, or what usual prices would just pay for.

    The latter at the world's mean political risk, so that it is dearer to finance where risk is above it.

    Args:
        stated: (J,) USD, NaN where nothing is. cost: (M, J) at base prices.

    Equation (M137), docs/model.md, for ``cpj_j``.
    """
    behaviour, projects = prepared.behaviour, prepared.world.projects
    mean = np.full((1, len(projects)), np.mean([project.risk for project in projects]))
    none = np.zeros_like(mean)
    rate = capital_cost(prepared, mean, behaviour["project_price_spread"] + none, none)
    life = np.array([project.life_years for project in projects])
    usual = np.exp(layout.usual(prepared))
    margin = (1 - layout.royalty(prepared)) * usual - cost
    years = np.maximum(annuity(rate, life) * margin, behaviour["project_least_capital"])
    found: FloatArray = np.where(np.isfinite(stated), stated, years * layout.revenue)
    return found
