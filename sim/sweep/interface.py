"""One function from parameters to outcomes, for workbenches that bring their own designs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import MonaziteError, did_you_mean
from sim.paths import world_directory

if TYPE_CHECKING:
    from sim.engine.simulation import Simulation
    from sim.scenario import Scenario

__all__ = ["OUTCOME_NAMES", "run_parameters"]

OUTCOME_NAMES = (
    "peak_price_outside", "mean_price_outside", "peak_price_ratio", "unmet_tonnes", "unmet_share",
)  # fmt: skip


@lru_cache(maxsize=16)
def _scenario(name: str, overrides: tuple[str, ...], world: Path) -> Scenario:
    """A scenario read in a ``world`` folder, by which its names are checked."""
    from sim.scenario import load_scenario

    return load_scenario(name, overrides=overrides)


def _outcomes(kept: Mapping[str, Any], base_price: Any) -> dict[str, Any]:
    """Each of :data:`OUTCOME_NAMES` of the first member, (good,)."""
    from sim.analysis.metrics import peak_multiple, unmet_share

    found = {name: kept[name][0] for name in OUTCOME_NAMES if name in kept}
    found["peak_price_ratio"] = peak_multiple(found["peak_price_outside"], base_price)
    found["unmet_share"] = unmet_share(found["unmet_tonnes"], kept["required_tonnes"][0])
    return found


def run_parameters(
    scenario: str | Path,
    *overrides: str,
    goods: Sequence[str] = (),
    member: int = 0,
    seed: int = 1,
    **parameters: float,
) -> dict[str, float]:
    """Run one member of a scenario with some values set, and return what came of it.

    Args:
        scenario: name or file.
        overrides: ``key=value`` in Hydra's grammar, the same in every call.
        goods: goods to report; all where empty.
        member: number of the member; 0 is the central run without noise.
        seed: root of its draws.
        parameters: path -> value in the unit used inside the model (shares of one, years, tonnes), the
            dots of the path written as two underscores: ``events__licence__approval_share=0.2``.

    Returns:
        ``<outcome>__<good>`` -> value: peak and mean price outside the controlling country (USD/t), the
        peak over the base price, unmet tonnes, and their share of the requirement.

    Raises:
        MonaziteError: an unknown scenario, good or path.
    """
    import numpy as np

    from sim.scenario.sweep_spec import quantities
    from sim.sweep.kept import SweepRecorder
    from sim.sweep.work import simulate

    for name, number in (("member", member), ("seed", seed)):
        if type(number) is not int or number < 0:
            raise MonaziteError(f"{name}: {number!r} is not a whole number from 0 on")
    loaded = _scenario(str(scenario), tuple(overrides), world_directory())
    values = {path.replace("__", "."): np.array([_number(path, v)]) for path, v in parameters.items()}
    known = {path for event in loaded.events for path in quantities(event)}
    for path in values:
        if path not in known and not path.startswith("assumptions."):
            guess = did_you_mean(path, sorted(known))
            raise MonaziteError(f"{path}: no number of '{loaded.name}' is called so; {guess}")
    simulation = simulate(loaded, [member], [seed], values)
    for path in values:
        if path not in simulation.case.draws.values:
            raise MonaziteError(f"{path}: no parameter is called so; 'monazite list parameters' shows all")
    while simulation.time < simulation.steps:
        simulation.step()
    recorder = simulation.recorder
    assert isinstance(recorder, SweepRecorder)
    return _of_goods(simulation, recorder.finish(), goods)


def _number(path: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        say = "give it in the unit used inside the model, such as 0.2 for 20 %"
        raise MonaziteError(f"{path}: {str(value)[:60]!r} is not a number; {say}") from None


def _of_goods(simulation: Simulation, kept: Mapping[str, Any], goods: Sequence[str]) -> dict[str, float]:
    """``<outcome>__<good>`` -> value of the only member."""
    names = [good.id for good in simulation.world.goods]
    for good in goods:
        if good not in names:
            raise MonaziteError(f"unknown good '{good}'; {did_you_mean(good, names)}")
    outcomes = _outcomes(kept, simulation.world.base_price)
    return {
        f"{name}__{good}": float(outcomes[name][position])
        for position, good in enumerate(names)
        if not goods or good in goods
        for name in OUTCOME_NAMES
    }
