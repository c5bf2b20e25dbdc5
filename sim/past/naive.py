"""Two forecasts that need no model, on the same targets: what a model must beat to be worth its price.

*Unchanged*: every price and flow stays what it was in the base year. *Elasticity*: one world price
per good, demand with constant elasticity -0.3, no stocks; supply is base-year trade less what the
scenario's controls forbid in that step (a licence lets nothing pass until its delay is over, then the
approved share). Both are written into the labels of a run, so that one code scores all three.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sim.agents.parameters import Draws
from sim.arrays import Groups
from sim.controls import Cap, Controls, Licence
from sim.engine.policy import active_controls
from sim.world.world import World

if TYPE_CHECKING:
    import xarray as xr

    from sim.scenario import Scenario

__all__ = ["ELASTICITY", "naive_run"]

Values = npt.NDArray[np.float64]
ELASTICITY = -0.3
"""Of demand, over a year (judgement for most minerals in the table of elasticities; the issue's figure)."""
LEAST_SUPPLY = 1e-6
"""Share of base supply under which the price is no longer followed: it would be infinite."""
DAYS_PER_YEAR = 365.25


def naive_run(
    world: World, scenario: Scenario, template: xr.Dataset, elasticity: float | None = ELASTICITY
) -> xr.Dataset:
    """A naive forecast, labelled like a run of one member.

    Args:
        world: the base year, with the minerals of the scenario alone.
        scenario: its events, taken at their central values.
        template: a run of the scenario, whose labels and dates are used.
        elasticity: of demand, negative; None for "nothing changes".

    Returns:
        Prices, exports, imports, import values, production, shortfall and value added at risk of the
        forecast, and no value for applications; what else stands in the template is left out.
    """
    steps, step_years = scenario.steps(), {"month": 1 / 12, "week": 1 / 52}[scenario.step]
    goods, countries = len(world.goods), len(world.countries)
    origins = Groups(world.offer_good * countries + world.offer_country)
    destinations = Groups(world.need_good * countries + world.need_country)
    abroad = [o[:, None] != d for o, d in map(world.link_countries, range(goods))]
    imports = np.concatenate([(flow * far).sum(0) for flow, far in zip(world.base_flow, abroad, strict=True)])
    price, supply, demand = (np.ones((len(steps), goods)) for _ in range(3))
    sold, factor = (np.ones((len(steps), len(world.offer_good))) for _ in range(2))
    for t, (start, end) in enumerate(steps):
        flows = list(world.base_flow)
        if elasticity is not None:
            controls, flows = _allowed(world, scenario, start, end)
            factor[t] = _may_produce(controls)
            for g in range(goods):
                needs = world.need_slice(g)
                usual = world.base_flow[g].sum()
                if usual <= 0:
                    continue
                supply[t, g] = flows[g].sum() / usual
                wanted = world.need_use[needs] * controls.demand_factor[0, needs]
                demand[t, g] = wanted.sum() / world.need_use[needs].sum()
            price[t] = (np.maximum(supply[t], LEAST_SUPPLY) / demand[t]) ** (1 / elasticity)
        sold[t] = np.concatenate([(f * far).sum(1) for f, far in zip(flows, abroad, strict=True)])
    bought = imports * supply[:, world.need_good] * step_years
    paid = bought * (price * world.base_price)[:, world.need_good]
    missing = np.maximum(1 - supply / demand, 0.0)[:, world.need_good]
    unknown = np.full((len(steps), template.sizes["event"]), np.nan)
    values = {
        **dict.fromkeys(("price_gate", "price_inside", "price_outside"), price * world.base_price),
        "exports": origins.sums(sold * step_years),
        "imports": destinations.sums(bought),
        "import_value": destinations.sums(paid),
        "production": world.offer_output * factor * step_years,
        "shortfall": world.need_use * missing * step_years,
        "value_added_at_risk": _at_risk(world, missing) * step_years,
        # Neither knows of applications.
        **dict.fromkeys(("event_filed", "event_approved"), unknown),
    }
    # Selecting variables would drop labels that only others carry, such as the list of countries.
    forecast = template.isel(member=[0]).drop_vars([n for n in template.data_vars if n not in values])
    return forecast.assign({name: (forecast[name].dims, array[None]) for name, array in values.items()})


def _allowed(
    world: World, scenario: Scenario, start: dt.date, end: dt.date
) -> tuple[Controls, list[Values]]:
    """Controls of a step and per good (S, B) the base-year tonnes a year that they let pass."""
    central = Draws([0], seed=0)
    happens = {
        event.id: central.happens(f"events.{event.id}", event.chance)
        for event in scenario.events
        if event.probability is not None
    }
    controls, shares = active_controls(world, scenario.events, (start, end), happens)
    flows = []
    for g, flow in enumerate(world.base_flow):
        origin, destination = world.link_countries(g)
        pair = (origin[:, None], destination[None])
        made = _may_produce(controls)[world.offer_slice(g), None]
        open_share = controls.open_share.on(g, pair)
        flows.append(flow * made * (open_share if open_share.ndim == 2 else open_share[0]))
    rules: list[Cap | Licence] = [*controls.caps, *controls.licences]
    for rule in rules:
        origin, destination = world.link_countries(rule.good)
        buyers = rule.destinations[destination] & (destination != rule.origin)
        links = (origin == rule.origin)[:, None] & buyers
        base = float(world.base_flow[rule.good][links].sum())
        if base <= 0:
            continue
        share = float(np.mean(shares[rule.event]))
        if isinstance(rule, Cap):
            most = float(np.mean(rule.tonnes_per_year)) / base
        else:
            began = scenario.event(rule.event).from_ or scenario.start
            waited = (start - began).days / DAYS_PER_YEAR
            decided = waited >= float(np.mean(rule.delay_years))
            most = float(np.mean(rule.approval_share)) if decided else 0.0
        now = float(flows[rule.good][links].sum())
        limit = base * (share * most + 1 - share)
        if now > limit:
            flows[rule.good] = np.where(links, flows[rule.good] * limit / now, flows[rule.good])
    return controls, flows


def _may_produce(controls: Controls) -> Values:
    """(O,) what an offer's facility may produce, in multiples of base-year output."""
    most: Values = np.minimum(controls.production_factor[0], controls.output_ceiling[0])
    return most


def _at_risk(world: World, missing: Values) -> Values:
    """(T, F) value added lost a year; a sector loses the share that its scarcest good stands for."""
    lost = np.zeros((len(missing), len(world.facilities)))
    for need, facility in enumerate(world.need_facility):
        if world.facility_kind[facility] == "manufacturer":
            share = missing[:, need] * world.need_dependence[need]
            lost[:, facility] = np.maximum(lost[:, facility], share)
    return lost * world.facility_value_added
