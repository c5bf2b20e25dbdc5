"""Inputs of plants that replace each other: which of them pay, what is used, and by which recipe."""

from __future__ import annotations

import numpy as np

from sim.agents.holding import share_of_step
from sim.agents.prepared import Prepared
from sim.agents.state import State
from sim.arrays import FloatArray, IntArray, raised
from sim.world.activities import Activities

__all__ = ["adapt_mix", "group_of_plant", "paying", "reach", "short_of", "used"]


def reach(activities: Activities, held: FloatArray, per_tonne: FloatArray) -> FloatArray:
    """(M, groups) throughput that each group of substitutes would allow, tonnes.

    Args:
        held, per_tonne: (M, ordered needs) tonnes, and tonnes per tonne of throughput.
    """
    start = activities.group_start
    bound: FloatArray = np.add.reduceat(held, start, axis=1) / np.add.reduceat(per_tonne, start, axis=1)
    return bound


def group_of_plant(activities: Activities) -> IntArray:
    """(groups,) plant of each group of substitutes."""
    return activities.need_plant[activities.need_order][activities.group_start]


def paying(activities: Activities, worth: FloatArray, per_tonne: FloatArray) -> FloatArray:
    """(M, ordered needs) tonnes of each input that are worth their price in what is planned.

    An input that is worth its price to a half of a plant's customers is used for that half at most, in its
    own place and in the place of what it replaces.

    Args:
        worth: (M, ordered needs) throughput at which an input is worth its price, tonnes.
        per_tonne: (M, ordered needs) tonnes per tonne of throughput.
    """
    group = np.add.reduceat(per_tonne, activities.group_start, axis=1)
    tonnes: FloatArray = worth * group[:, activities.need_group]
    return tonnes


def used(
    activities: Activities,
    throughput: FloatArray,
    worth: FloatArray,
    held: FloatArray,
    per_tonne: FloatArray,
) -> FloatArray:
    """(M, ordered needs) tonnes used: each input in its own proportion first; what one lacks, others make up.

    Where an input is not worth its price, the one that pays best takes its place, as far as there is some.

    Args:
        throughput: (M, P) tonnes. worth: (M, ordered needs) throughput at which an input is worth its price.
        held: (M, ordered needs) tonnes that are there and pay.
        per_tonne: (M, ordered needs) tonnes per tonne of throughput.
    """
    start, group = activities.group_start, activities.need_group
    done = throughput[:, activities.need_plant[activities.need_order]]
    wanted = done * per_tonne
    own = np.minimum(np.minimum(done, worth) * per_tonne, held)
    best = worth >= np.maximum.reduceat(worth, start, axis=1)[:, group]
    for able in (np.where(best, held, own), held):
        # Rounding may leave a plant with more than it wanted: it gives nothing back.
        lacking = np.maximum(np.add.reduceat(wanted - own, start, axis=1), 0.0)[:, group]
        spare = np.add.reduceat(able - own, start, axis=1)[:, group]
        part = np.divide(lacking, spare, out=np.zeros_like(spare), where=spare > 0)
        own = own + np.minimum(part, 1.0) * (able - own)
    taken: FloatArray = np.minimum(own, held)
    return taken


def short_of(
    activities: Activities, required: FloatArray, there: FloatArray, served: FloatArray
) -> FloatArray:
    """(M, N) tonnes missing of what is required; what one input lacks is not missing where another has it.

    Args:
        required: (M, N) tonnes. there: (M, N) tonnes on hand. served: (M, N) share that is worth its price.

    Equation (M69), docs/model.md, for ``short_b``.
    """
    missing = required - np.minimum(required * served, there)
    several = activities.substitutes
    needs, at = several.needs, several.group
    if not len(needs):
        return missing
    together = several.sums(required[:, needs])
    most = np.maximum.reduceat(served[:, needs], several.start, axis=1) * together
    have = np.minimum(there[:, needs], served[:, needs] * together[:, at])
    lack = np.maximum(together - np.minimum(several.sums(have), most), 0.0)
    gap = missing[:, needs]
    gaps = several.sums(gap)
    part = np.divide(lack, gaps, out=np.zeros_like(gaps), where=gaps > 0)
    # What is missing of a group is not more than what its inputs lack one by one.
    missing[:, needs] = gap * np.minimum(part, 1.0)[:, at]
    return missing


def adapt_mix(prepared: Prepared, state: State) -> None:
    """Plants slowly take more of an input that has become cheap beside those that it replaces.

    Equation (M119), docs/model.md, for ``mx_b``.
    """
    activities, behaviour = prepared.benchmark.activities, prepared.behaviour
    several = activities.substitutes
    needs, at = several.needs, several.group
    if not len(needs):
        return
    ratio = state.need_expected_price[:, needs] / prepared.benchmark.base_index[needs]
    share = activities.need_coefficient[needs]
    share = share / several.sums(share[None])[0, at]
    liked = raised(ratio, -behaviour["replacement_elasticity"])
    # Tonne for tonne: what all of them together put into the product stays what it is.
    whole = several.sums(share * liked)
    follow = share_of_step(behaviour["thrift_speed"], prepared.step_years)
    mix = state.mix[:, needs]
    state.mix[:, needs] = mix + follow * (liked / whole[:, at] - mix)
