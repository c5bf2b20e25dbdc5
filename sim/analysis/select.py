"""Which goods a reader means, which stages belong to them, and how to show their prices."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis.chains import layers_from, touched_goods, upstream
from sim.errors import MonaziteError, did_you_mean
from sim.names import REST_NAMES, NoCountry, country_called, country_code, folded, good_called

__all__ = [
    "PriceUnit",
    "Stage",
    "controller",
    "events_for",
    "find_country",
    "find_owner",
    "find_sector",
    "good_name",
    "goods_meant",
    "label",
    "own_events",
    "price",
    "price_unit",
    "quote",
    "select_countries",
    "select_goods",
    "select_sectors",
    "stages",
    "texts",
    "touching_events",
    "user_needs",
]

DEAR = 20_000.0
"""USD per tonne from which trade quotes a good per kilogram."""


@dataclass(frozen=True)
class PriceUnit:
    """Unit in which the price of one good is shown; ``factor`` turns USD/t into it."""

    name: str
    factor: float


@dataclass(frozen=True)
class Stage:
    """Goods of one stage of a chain that are shown together, because they are measured alike."""

    name: str
    goods: tuple[str, ...]
    unit: str


def texts(dataset: xr.Dataset, name: str) -> npt.NDArray[np.str_]:
    """A coordinate of words, as an array that numpy compares."""
    words: npt.NDArray[np.str_] = dataset[name].values.astype(str)
    return words


def label(dataset: xr.Dataset, name: str, good: str) -> str:
    """One descriptive coordinate of one good, for example ``good_mineral``; '' where absent."""
    if name not in dataset.coords:
        return ""
    # Thousands of these are asked for by a page; a selection of xarray takes a hundred times as long.
    found = np.flatnonzero(dataset.variables["good"].values == good)
    if not len(found):
        raise KeyError(good)
    return str(dataset.variables[name].values[found[0]])


def good_name(dataset: xr.Dataset, good: str) -> str:
    """The good's name in words, without the explanations that the data carry behind it."""
    name = label(dataset, "good_name", good).partition(" (")[0]
    # "Antimony ore, antimony content": the unit says the same.
    name = re.sub(r", [\w\d]+ content$", "", name)
    return name or good.replace("_", " ").capitalize()


def controller(dataset: xr.Dataset, good: str) -> str:
    """ISO-3 code of the country whose inside price is reported for the good."""
    return label(dataset, "good_controller", good)


def price(dataset: xr.Dataset, good: str, market: str, country: str | None = None) -> npt.NDArray[np.float64]:
    """Price of one good, (member, time) USD/t.

    Args:
        dataset: results of one run.
        good: good id.
        market: ``inside`` or ``outside`` the controlling country, or ``gate``.
        country: the controlling country meant. A run that reports inside and outside another
            country (a baseline without that control) answers with the world's gate price.
    """
    elsewhere = country is not None and controller(dataset, good) != country
    name = "price_gate" if elsewhere else f"price_{market}"
    return np.asarray(dataset[name].sel(good=good).values, dtype=np.float64)


def quote(dataset: xr.Dataset, good: str, market: str, country: str | None = None) -> npt.NDArray[np.float64]:
    """What is asked, outside bid, where :func:`price` is NaN, (member, time) USD/t; NaN elsewhere."""
    traded = price(dataset, good, market, country)
    elsewhere = country is not None and controller(dataset, good) != country
    name = "quote_gate" if elsewhere else f"quote_{market}"
    if name not in dataset:
        return np.full(traded.shape, np.nan)
    return np.where(np.isnan(traded), dataset[name].sel(good=good).values.astype(np.float64), np.nan)


def price_unit(dataset: xr.Dataset, good: str) -> PriceUnit:
    """USD/kg for dear goods and for oxides of rare earths, as the trade quotes them; else USD/t."""
    dear = float(dataset["good_base_price"].sel(good=good)) >= DEAR
    oxide = label(dataset, "good_unit", good).endswith(" oxide")
    return PriceUnit("USD/kg", 0.001) if dear or oxide else PriceUnit("USD/t", 1.0)


def select_goods(dataset: xr.Dataset, names: Sequence[str]) -> list[str]:
    """Goods by id or by mineral, in the order asked; all goods of a mineral in stage order.

    Raises:
        MonaziteError: a name is neither a good nor a mineral of this run, nor a word in the names of some.
    """
    return goods_meant(dataset, names, "--good")


def goods_meant(dataset: xr.Dataset, names: Sequence[str], option: str) -> list[str]:
    """Goods by id, mineral, stage, a word of their names, symbol or trade name, in the order asked.

    Args:
        dataset: results.
        names: such as ``gallium_low_purity``, ``gallium`` or ``magnets``.
        option: that an error names.

    Raises:
        MonaziteError: a name means none.
    """
    goods = [str(g) for g in dataset["good"].values]
    minerals = [str(m) for m in dataset["good_mineral"].values]
    chosen: list[str] = []
    for name in names:
        if name in goods:
            chosen.append(name)
        elif name in minerals:
            chosen += [g for g, m in zip(goods, minerals, strict=True) if m == name]
        elif found := [g for g in goods if name.lower() in _words(dataset, g)] or _called(dataset, name):
            chosen += found
        else:
            hint = did_you_mean(name, [*dict.fromkeys(minerals), *goods])
            remedy = hint or "'monazite list goods' shows them"
            raise MonaziteError(f"{option}: no good or mineral '{name}' in this run; {remedy}")
    return list(dict.fromkeys(chosen))


def _called(dataset: xr.Dataset, name: str) -> list[str]:
    """Goods that a symbol, formula or trade name stands for, in any spelling."""
    row = good_called(name)
    known = list(zip(texts(dataset, "good"), texts(dataset, "good_mineral"), strict=True))
    for meant in row.means if row is not None else ():
        found = [str(good) for good, mineral in known if good in meant or mineral in meant]
        if found:
            return found
    return []


def _words(dataset: xr.Dataset, good: str) -> set[str]:
    """Words that mean a good among others: its stage, and those of its name."""
    name = good_name(dataset, good).lower()
    words = {label(dataset, "good_stage", good), *re.findall(r"[^\W\d_]{4,}", name)}
    return words | {f"{word}s" for word in words}


def _countries(dataset: xr.Dataset) -> list[str]:
    """Codes of the countries that make or need anything."""
    found = {str(code) for name in ("offer_country", "need_country") for code in dataset[name].values}
    return sorted(found)


def find_country(dataset: xr.Dataset, name: str) -> str:
    """Code of a country of this run, in any spelling; empty where the word is no country's.

    Raises:
        NoCountry: several countries are called so, or it makes and needs nothing in this run.
    """
    word, known = name.strip(), _countries(dataset)
    known_word = word in known or folded(word) in REST_NAMES or country_called(word)
    return country_code(word, known, "this run") if known_word else ""


def find_sector(dataset: xr.Dataset, name: str) -> str:
    """A sector of users of this run, by its id or in words; empty where there is none of that name."""
    meant = name.strip().lower().replace(" ", "_")
    return meant if meant and meant in dataset["facility_sector"].values.astype(str) else ""


def find_owner(dataset: xr.Dataset, name: str, option: str) -> str:
    """An owner of facilities of this run.

    Raises:
        MonaziteError: there is none of that name, or the run keeps no single facilities.
    """
    if "offer_firm" not in dataset.coords:
        raise MonaziteError(
            f"{option}: a sweep keeps no single facilities, so nothing of the owner '{name}'; "
            f"'monazite run' keeps them"
        )
    owners = sorted({str(owner) for owner in dataset["offer_firm"].values})
    found = next((owner for owner in owners if owner.lower() == name.strip().lower()), None)
    if found is None:
        hint = did_you_mean(name, owners) or "the table names those that gain or lose most"
        raise MonaziteError(f"{option}: no owner '{name}' in this run; {hint}")
    return found


def select_countries(dataset: xr.Dataset, names: Sequence[str], option: str) -> list[str]:
    """Codes of countries, in any spelling, in the order asked.

    Raises:
        MonaziteError: a name is none of a country that makes or needs anything in this run.
    """
    known = _countries(dataset)
    try:
        codes = [country_code(name.strip(), known, "this run") for name in names]
    except NoCountry as error:
        raise MonaziteError(f"{option}: {error}") from None
    return list(dict.fromkeys(codes))


def select_sectors(dataset: xr.Dataset, names: Sequence[str], option: str) -> list[str]:
    """Sectors of users, by id or in words, in the order asked.

    Raises:
        MonaziteError: a name is none of this run.
    """
    known = sorted({str(sector) for sector in dataset["facility_sector"].values} - {""})
    for name in names:
        if not find_sector(dataset, name):
            hint = did_you_mean(name, known, list_up_to=len(known))
            raise MonaziteError(f"{option}: no sector '{name}' in this run; {hint}")
    return list(dict.fromkeys(find_sector(dataset, name) for name in names))


def user_needs(dataset: xr.Dataset, good: str) -> npt.NDArray[np.intp]:
    """Where those who use a good stand on the axis ``need``.

    Traders are left out: what one goes without, those lack who would have bought it of him, and they count.
    Of a good that traders alone take, they are its users.
    """
    takes = dataset["need_good"].values.astype(str) == good
    uses = takes & (dataset["need_kind"].values.astype(str) != "trader")
    return np.flatnonzero(uses if uses.any() else takes)


def own_events(dataset: xr.Dataset, baseline: xr.Dataset | None) -> list[dict[str, Any]]:
    """Events of a run that its baseline does not have, earliest first.

    The baseline's events are the controls already in force in the base year.
    """
    listed: list[dict[str, Any]] = json.loads(dataset.attrs.get("events", "[]"))
    known = json.loads(baseline.attrs.get("events", "[]")) if baseline is not None else []

    def said(event: dict[str, Any]) -> str:
        # Runs stored by version 0.1.0 do not list the goods of an event.
        return json.dumps({key: value for key, value in event.items() if key != "goods"}, sort_keys=True)

    same = {said(event) for event in known}
    own = [event for event in listed if said(event) not in same]
    return sorted(own, key=lambda event: str(event.get("from") or event.get("announced") or ""))


def touching_events(dataset: xr.Dataset, baseline: xr.Dataset | None, good: str) -> list[dict[str, Any]]:
    """Events of a run, but those of its baseline and base year, that touch a good or what it is made from."""
    chain = {good, *upstream(dataset, good)}
    found = []
    for event in own_events(dataset, baseline):
        goods = touched_goods(dataset, event)
        if not event.get("in_base_year") and (goods is None or chain & goods):
            found.append(event)
    return found


def events_for(dataset: xr.Dataset, baseline: xr.Dataset | None, good: str) -> list[dict[str, Any]]:
    """Events from the first of which months are counted: those that touch the good; where none does, all."""
    return touching_events(dataset, baseline, good) or own_events(dataset, baseline)


def stages(dataset: xr.Dataset, good: str) -> list[Stage]:
    """The chain of one good from ore to the last traded product, as measured stages.

    Goods at the same distance that share mineral, stage and unit form one stage; the supply of
    unlike goods is never added up.
    """
    order = {str(g): i for i, g in enumerate(dataset["good"].values)}
    down, up = (layers_from(dataset, good, side) for side in (0, 1))
    layers = [*reversed(up), {good}, *down]
    result = []
    for layer in layers:
        alike: dict[tuple[str, str, str], list[str]] = {}
        for member in sorted(layer, key=order.__getitem__):
            key = (
                label(dataset, "good_mineral", member),
                label(dataset, "good_stage", member),
                label(dataset, "good_unit", member),
            )
            alike.setdefault(key, []).append(member)
        for (mineral, stage, unit), goods in alike.items():
            shared = mineral if stage in mineral else f"{mineral}_{stage}"
            name = good_name(dataset, goods[0]) if len(goods) == 1 else shared.replace("_", " ").capitalize()
            result.append(Stage(name, tuple(goods), unit))
    return result
