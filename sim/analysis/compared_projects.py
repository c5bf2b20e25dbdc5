"""Projects of runs side by side: what begins, opens, idles and dies, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis.compared_rows import plain_row
from sim.analysis.comparison import Band, Key, Row, Section, Values, band
from sim.analysis.measures import MEASURES
from sim.analysis.names import country_name
from sim.analysis.select import texts
from sim.results.grouping import over_period
from sim.world.projects import STAGES

__all__ = ["has_projects", "project_facts", "project_section", "project_sentence"]

Pairs = Mapping[str, tuple[xr.Dataset, xr.Dataset]]
Stages = npt.NDArray[np.int64]
BUILDING, OPERATING, MOTHBALLED, CLOSED, CANCELLED = range(STAGES.index("building"), len(STAGES))
HOMES_SHOWN = 3
"""Countries of projects, and of their owners, that have rows of their own."""
BESIDE = ("projects_delayed", "projects_killed", "projects_saved")
"""Measures against the paired baseline."""


def has_projects(data: xr.Dataset) -> bool:
    """Whether a run kept the stages of its projects."""
    return "project_stage" in data


def _opened(stage: Stages) -> Stages:
    """(M, J) first step in which a project runs; one beyond the last where it never does."""
    runs = stage == OPERATING
    found: Stages = np.where(runs.any(1), runs.argmax(1), stage.shape[1])
    return found


def _stages(data: xr.Dataset, names: list[str]) -> Stages:
    held: Stages = data["project_stage"].sel(project=names).values.astype(np.int64)
    return held


def _total(data: xr.Dataset, *names: str) -> Values | None:
    """(M,) sum of some variables over the run; None where it has none of them."""
    parts = [part.sum(axis=1) for name in names if (part := over_period(data, name)) is not None]
    return sum(parts[1:], parts[0]) if parts else None


def project_facts(data: xr.Dataset, base: xr.Dataset | None) -> dict[Key, Values]:
    """(M,) numbers of projects and money of a run, against the paired baseline where there is one."""
    names = data["project"].values.astype(str).tolist()
    stage = _stages(data, names)
    last = stage[:, -1]
    ended = (CLOSED, CANCELLED)
    facts = {
        "projects_begun": ((stage >= BUILDING) & (stage <= CLOSED)).any(1) & (stage[:, 0] < BUILDING),
        "projects_running": last == OPERATING,
        "projects_idled": (stage == MOTHBALLED).any(1) & (stage[:, 0] != MOTHBALLED),
        "projects_cancelled": last == CANCELLED,
    }
    if base is not None and has_projects(base):
        both = [name for name in names if name in base["project"].values]
        mine, usual = _stages(data, both), _stages(base, both)
        facts["projects_delayed"] = _opened(mine) > _opened(usual)
        facts["projects_killed"] = np.isin(mine[:, -1], ended) & ~np.isin(usual[:, -1], ended)
        facts["projects_saved"] = ~np.isin(mine[:, -1], ended) & np.isin(usual[:, -1], ended)
    # Of a member that failed nothing is known.
    failed = (last < 0).any(1)
    found = {Key(name): np.where(failed, np.nan, counted.sum(1)) for name, counted in facts.items()}
    for place, axis in (("place", "project_country"), ("owner", "project_owner_country")):
        home = texts(data, axis)
        for country in sorted(set(home.tolist())):
            count = facts["projects_running"][:, home == country].sum(1)
            found[Key("projects_running", **{place: country})] = np.where(failed, np.nan, count)
    nothing = np.zeros(data.sizes["member"])
    invested = _total(data, "project_invested")
    if invested is not None:
        paid = _total(data, "fund_paid", "floor_paid", "promotion_paid", "recycling_paid")
        back = _total(data, "fund_returned")
        found[Key("projects_invested")] = invested
        found[Key("public_paid")] = nothing if paid is None else paid
        found[Key("public_returned")] = nothing if back is None else back
    return found


def project_section(baseline: tuple[str, xr.Dataset], pairs: Pairs, period: str) -> Section | None:
    """Rows on projects; None where no run has any."""
    name, base = baseline
    facts = {name: project_facts(base, None)} if has_projects(base) else {}
    facts |= {other: project_facts(*pair) for other, pair in pairs.items() if has_projects(pair[0])}
    if not facts:
        return None
    keys = list(dict.fromkeys(key for mine in facts.values() for key in mine))
    order = [Key(measure) for measure in MEASURES if Key(measure) in keys]
    rows = []
    for key in order:
        rows.append(plain_row(facts, key))
        if key.measure == "projects_running":
            rows += _by_home(facts)
    return Section("projects", f"Projects, {period}", tuple(row for row in rows if row is not None))


def _by_home(facts: Mapping[str, dict[Key, Values]]) -> list[Row | None]:
    """Rows on projects that run in the countries that have most of them, and of owners of most of them."""
    rows = []
    for axis, words in (("place", "in"), ("owner", "of owners in")):
        most: dict[str, float] = {}
        for mine in facts.values():
            for key, values in mine.items():
                name = getattr(key, axis)
                if key.measure == "projects_running" and name and not np.isnan(values).all():
                    most[name] = max(most.get(name, 0.0), float(np.nanmedian(values)))
        largest = sorted((name for name in most if most[name] > 0), key=lambda name: (-most[name], name))
        for name in largest[:HOMES_SHOWN]:
            key, at = Key("projects_running", **{axis: name}), f"  {words} {country_name(name)}"
            rows.append(plain_row(facts, key, name=at))
    return rows


def project_sentence(name: str, data: xr.Dataset, base: xr.Dataset) -> str:
    """What a run's policy did to projects, in one sentence with figures."""
    facts, usual = project_facts(data, base), project_facts(base, None)
    whole = {name: {k.measure: v for k, v in mine.items() if k == Key(k.measure)}
             for name, mine in (("now", facts), ("before", usual))}  # fmt: skip
    bands: dict[str, Band] = {measure: band(values) for measure, values in whole["now"].items()}
    before = {measure: band(values) for measure, values in whole["before"].items()}
    usually = f"{before['projects_running'].median:.0f} in the baseline"
    parts = [
        f"{_figure(bands['projects_running'])} projects run at the end, {usually}",
        f"{_figure(bands['projects_begun'])} are begun ({before['projects_begun'].median:.0f})",
        f"{_figure(bands['projects_cancelled'])} given up ({before['projects_cancelled'].median:.0f})",
    ]
    if "projects_delayed" in bands:
        parts.append(f"{_figure(bands['projects_delayed'])} open later or never")
        parts.append(f"{_figure(bands['projects_killed'])} die that would have lived")
    if "public_paid" in bands and bands["public_paid"].high != 0:
        parts.append(f"states pay {_figure(bands['public_paid'], BILLION)} bn USD")
    return f"{name}: {'; '.join(parts)}"


BILLION = 1e-9


def _figure(of: Band, factor: float = 1.0) -> str:
    """Median with the band, ``4 (2 to 7)``."""
    digits = 0 if factor == 1.0 else 2
    low, middle, high = (f"{value * factor:.{digits}f}" for value in (of.low, of.median, of.high))
    return middle if low == high else f"{middle} ({low} to {high})"
