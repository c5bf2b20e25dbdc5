"""What the five pictures of docs/scenarios.md show: signs and order, on the central run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from scripts import pictures
from scripts.picture_tools import Route, Watched


def keep(monkeypatch: pytest.MonkeyPatch, *minerals: str) -> None:
    """The pictures' runs in the world of a few minerals: others have markets of their own."""

    def watched(name: str, routes: Mapping[str, Route], overrides: Sequence[str], members: int) -> Watched:
        return Watched(name, routes, [*overrides, f"minerals=[{','.join(minerals)}]"], members)

    monkeypatch.setattr(pictures, "Watched", watched)


def test_the_rule_on_resale_changes_what_reaches_the_united_states(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, "gallium")
    found = pictures.measure_resale(1)
    free, ban, rule = (found[name] for name in ("no ban", "ban alone", "ban and rule on resale"))
    for place in ("CHN", "SVK", "*"):
        assert free[place] > 0
    assert 0.01 * free["CHN"] < ban["CHN"] < 0.4 * free["CHN"], "what holders in third countries sell on"
    assert rule["CHN"] < 0.01 * free["CHN"]
    assert ban["SVK"] > free["SVK"], "without the rule the detour opens"
    assert rule["SVK"] < 0.5 * ban["SVK"], "with it, Slovakia may sell what is not Chinese"
    assert rule["*"] < 0.995 * ban["*"] < ban["*"]
    assert rule["JPN"] > ban["JPN"], "a seller with metal of its own takes over"


def test_under_a_licence_exports_stop_then_come_back_with_the_approved_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(monkeypatch, "gallium")
    time, share, base = pictures.measure_licence(1)
    month = {str(day)[:7]: float(value) for day, value in zip(time, share[0], strict=True)}
    assert month["2023-08"] < 0.02
    assert month["2023-09"] < 0.02
    autumn = [month[f"2023-{m}"] for m in (10, 11, 12)]
    assert 0.05 < autumn[0] < autumn[1] < autumn[2] < 0.65, "offices run over their delay"
    assert all(0.6 < month[f"2024-{m:02d}"] < 0.8 for m in range(3, 13)), "70 % are approved"
    assert np.abs(base - 1).max() < 0.05


def test_an_announced_measure_front_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, "tungsten", "dysprosium")
    time, found = pictures.measure_announcement(1)
    notice = (time >= np.datetime64("2025-07-01")) & (time < np.datetime64("2026-01-01"))
    before, after = time < np.datetime64("2025-07-01"), time >= np.datetime64("2026-01-01")
    for good in ("Dy", "APT"):
        early, late = found[f"{good}, announced"][0], found[f"{good}, unannounced"][0]
        np.testing.assert_allclose(early[before], 1, rtol=1e-6)
        np.testing.assert_allclose(late[before | notice], 1, rtol=1e-6)
        assert early[notice].mean() > 1.1
        assert (early[notice] > 0.9).all(), "little is held back"
        assert early[notice].mean() > 1.15, "buyers abroad fill their stocks"
        # The news is priced at once: nobody waits for the last months.
        assert early[notice][0] >= early[notice].mean()
        assert early[after].max() < 0.01
        assert late[after].max() < 0.01


def test_a_tariff_with_exemptions_reroutes(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, "rare_earth_magnets")
    found = pictures.measure_tariff(1)
    free, everybody, exempt = found.values()
    assert exempt["JPN"] > 1.5 * free["JPN"]
    assert exempt["DEU"] > 1.3 * free["DEU"]
    assert exempt["CHN"] < 0.9 * free["CHN"]
    assert exempt["KOR"] < free["KOR"]
    for place in free:
        assert everybody[place] < free[place], "a duty on all takes a little from each"
        assert everybody[place] > 0.9 * free[place]


def test_a_quota_goes_slack_once_demand_is_destroyed(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, "terbium")
    time, exports, rent = pictures.measure_quota(1)
    kept, lost = (exports[name][0] for name in ("demand as it was", "demand destroyed"))
    rent_kept, rent_lost = (rent[name][0] for name in ("demand as it was", "demand destroyed"))
    late = time >= np.datetime64("2013-06-01")
    assert np.ptp(kept[late]) < 0.01 * kept[late].mean(), "a full quota: exports are the quota"
    # Month by month what is bought swings with stocks: those who no longer fear for supply need less of them.
    assert (lost[late] < 0.95 * kept[late]).all()
    assert lost[late].mean() < 0.85 * kept[late].mean()
    assert (rent_kept[late] > 0.5).all()
    assert (rent_lost[late] < 1e-3).all()
    early = time < np.datetime64("2011-07-01")
    np.testing.assert_allclose(lost[early], kept[early], rtol=1e-6)
