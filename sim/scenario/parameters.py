"""Values of behavioural parameters in a scenario: known names, and sizes that the parameter table bears."""

from __future__ import annotations

from sim.distributions import Distribution
from sim.errors import did_you_mean
from sim.scenario.report import Report
from sim.world.labels import Labels, ParameterLabel

__all__ = ["check_parameter"]

FARTHEST = 10.0
"""A value this many times above the plausible range is taken for a slip of the pen."""
BEYOND = (
    "to go beyond it, widen low and high in the behaviour.csv of a world folder of your own and name the "
    "folder in MONAZITE_WORLD"
)


def check_parameter(
    name: str, value: float | Distribution, path: tuple[str, ...], report: Report, labels: Labels
) -> bool:
    """Whether a scenario may say so; what is wrong or doubtful goes to the report.

    Args:
        name: ``parameter`` or ``parameter.mineral``. value: what the scenario says.
        path: where it stands.
    """
    parameter, _, scope = name.partition(".")
    if parameter not in labels.parameters:
        say = did_you_mean(parameter, labels.parameters) or "'monazite list parameters' shows all"
        report.add(path, f"unknown parameter '{parameter[:60]}'", say, key=True)
        return False
    scopes = labels.parameters[parameter] | {good.mineral for good in labels.goods}
    if scope and scope not in scopes:
        report.add(path, f"unknown mineral '{scope[:60]}'", did_you_mean(scope, sorted(scopes)), key=True)
        return False
    rows = labels.parameter_rows
    row = rows.get((parameter, scope or "all")) or rows.get((parameter, "all"))
    return row is None or _in_reach(value, row, path, report)


def _in_reach(
    value: float | Distribution, row: ParameterLabel, path: tuple[str, ...], report: Report
) -> bool:
    low, high = value.bounds if isinstance(value, Distribution) else (value, value)
    least, most = row.plausible
    said = f"plausible is {least:g} to {most:g}" + (f" {row.unit}" if row.unit != "1" else "")
    if low < 0:
        report.add(path, f"{low:g} is negative", f"write 0 or more; {said}")
        return False
    if low == 0 and row.positive:
        report.add(path, "0 is not possible: the model divides by it", f"write more than 0; {said}")
        return False
    if row.unit == "share" and high > 1:
        report.add(path, f"{high:g} is more than the whole", f"write a share of one, 0 to 1; {said}")
        return False
    if high > FARTHEST * most:
        report.add(path, f"{high:g} is more than {FARTHEST:g} times what is plausible", f"{said}; {BEYOND}")
        return False
    if low < least or high > most:
        outside = low if low < least else high
        report.add(
            path, f"{outside:g} lies outside the range of the parameter table", f"{said}", warning=True
        )
    return True
