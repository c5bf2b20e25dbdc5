# ruff: noqa: E501 (sentences are quoted whole)
"""What each instrument says, and whether it touches anything, word for word."""

from __future__ import annotations

from typing import Any

import pytest

from sim.engine.ledger import touched
from sim.world.labels import Labels
from sim.world.world import World
from tests.instruments.acting import acted, event

GALLIUM = {"goods": ["gallium"]}
QUOTA = {"by": "CHN", "goods": ["dysprosium"]}
LICENCE = {"by": "CHN", "goods": ["dysprosium"], "approval_share": "40 %", "delay": "30 days"}
CARBON = {"by": "EU27", "intensity": {"gallium": "12 t CO2/t"}, "price": "80 USD/t CO2"}


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        ("export_tax", {"by": "CHN", "to": "JPN", "goods": ["dysprosium"], "rate": {"2025": "15 %", "2025-07": "25 %"}},
         "China taxes exports of dysprosium to Japan at 15 %, then from 2025-07-01 25 %."),
        ("host_demands", {"by": ["NOR", "ROW"], "goods": ["copper"], "royalty": {"2025": "3 %", "2026": "5 %"}, "carried": "10 %",
                          "processing": "40 %"},
         "Norway and the rest of the world, host of mines of copper, takes a further royalty of 3 %, then from 2026-01-01 5 %, "
         "has 10 % of margins for nothing and keeps 40 % of output in the country."),
        ("host_demands", {"by": "NOR", "goods": ["copper"], "ore_ban": True},
         "Norway, host of mines of copper, lets none of it leave unprocessed."),
        ("export_promotion", {"by": "CHN", "to": "JPN", "rate": "13 %", "fund": "2 million USD"} | GALLIUM,
         "China gives back 13 % on exports of gallium to Japan, out of 2 million USD."),
        ("export_promotion", {"by": "CHN", "per_tonne": "20 USD/kg"} | GALLIUM,
         "China gives back 20 USD/kg on exports of gallium to every country."),
        ("supply_pact", {"members": ["EU27", "JPN"], "preference": "50 %", "stock": "6 months", "stock_rate": "5 t/year",
                         "release_above": "150 %", "floor": "110 %", "floor_fund": "1 million USD"} | GALLIUM,
         "by a pact buyers of gallium in the bloc of the EU and Japan give each other 50 % more weight; the EU and Japan stocks "
         "6 months of use of gallium: it buys up to 5 t/year below 100 % of the base price; it releases up to 5 t/year above "
         "150 % of it; a state has gallium by mines and plants in the EU and Japan paid at least 110 % of the base price, out of "
         "1 million USD."),
        ("import_tariff", {"by": "JPN", "on": "world", "rate": {"2025": "10 %", "2025-04-05": "34 %"},
                           "exempt_countries": ["FRA", "DEU"], "exempt_goods": ["gallium_high_purity"]} | GALLIUM,
         "Japan adds 10 %, then from 2025-04-05 34 %, to the tariff on imports of gallium from every country, "
         "France and Germany and gallium, high purity exempt."),
        ("carbon_border_tax", CARBON | {"paid_at_origin": {"CHN": "10 USD/t CO2"}},
         "the EU charges 80 USD/t CO2, less what is paid at origin (10 USD/t CO2 in China) for the carbon in "
         "imports of gallium from every country."),
        ("sanction", {"by": ["USA", "EU27"], "on": "CHN", "compliance": "80 %"} | GALLIUM,
         "the United States and the EU stops trade of gallium with China, with a compliance of 80 %."),
        ("export_ban", {"by": "CHN", "to": "JPN", "leak": True} | GALLIUM,
         "China bans exports of gallium to Japan, around which goods find their way in time."),
        ("sanction", {"by": "JPN", "firms": "Northern", "stops": "imports"},
         "Japan stops imports of all goods from Northern."),
        ("outage", {"facilities": "cu_nor", "loss": "60 %", "length": {"uniform": ["2 weeks", "3 months"]}},
         "an outage takes 60 % of the output of all goods by cu_nor for between 2 weeks and 3 months."),
        ("strike", {"countries": "NOR", "goods": ["copper"], "loss": "100 %", "length": "6 weeks",
                    "starts_after": "90 days", "probability": "30 %"},
         "a strike takes 100 % of the output of copper by mines and plants in Norway for 6 weeks, starting after "
         "90 days, with a probability of 30 %."),
        ("capacity_change", {"firms": "BHP", "change": "40 %", "ramp": "2 years"},
         "the capacity for all goods by BHP changes by 40 % over 2 years."),
        ("price_flooding", {"countries": "CHN", "discount": "20 %", "extra_output": "10 %"} | GALLIUM,
         "a state has gallium by mines and plants in China sold 20 % below cost, and 10 % more is made."),
        ("energy_cost", {"countries": ["NOR", "USA"], "goods": ["copper"], "change": "80 %", "energy_share": "25 %"},
         "the price of energy, 25 % of own costs, changes by 80 % for copper by mines and plants in Norway and the "
         "United States."),
        ("exchange_rate", {"countries": "JPN", "change": "-20 %", "pass_through": "60 %"},
         "the currency of Japan changes by -20 % in dollars, 60 % of which shows in prices."),
        ("freight_shock", {"exporters": "CHN", "importers": ["JPN", "USA"], "change": "200 %", "delay": "10 days"},
         "freight of all goods between China on one side and Japan and the United States on the other changes in "
         "cost by 200 % and takes 10 days longer."),
        ("freight_shock", {"exporters": "CHN", "importers": "JPN", "one_way": True, "delay": "-5 days"},
         "freight of all goods from China to Japan takes 5 days less."),
        ("bloc", {"members": ["EU27", "JPN"], "preference": "50 %", "tariff_inside": "-3 %", "tariff_outside": "10 %"} | GALLIUM,
         "buyers of gallium in the bloc of the EU and Japan give each other 50 % more weight, take 3 % off the "
         "tariff among them and add 10 % to the tariff on all others."),
        ("substitution_push", {"goods": ["dysprosium"], "share": "30 %", "ramp": "3 years"},
         "the need of all sectors in every country for dysprosium falls by redesign, 30 % over 3 years."),
        ("demand_shock", {"sectors": "ev", "level": "50 %", "ramp": "2 years"},
         "the need of ev in every country for all goods changes by 50 % over 2 years."),
        ("production_quota", {"by": "CHN", "amount": {"2025": "45 t/year", "2026": "40 t/year"}} | GALLIUM,
         "China cuts output of gallium to 45 t/year, then from 2026-01-01 40 t/year in all."),
        ("export_quota", QUOTA | {"amounts": {"2025-H1": "20 t", "2025-H2": "8 t"}, "allotted": "at once",
                                  "carry_over": "50 %", "firms": {"Northern": "80 %"}},
         "China caps exports of dysprosium to every country at 20 t in 2025-H1 and 8 t in 2025-H2, of which 80 % "
         "for Northern, each period's at once, 50 % of what is unused carried over."),
        ("export_licence", LICENCE | {"approval_share": {"2025": "0 %", "2025-06": "40 %"}, "longest_delay": "120 days",
                                      "validated_countries": "FRA", "validated_firms": "ev USA",
                                      "validated_share": "10 %"},
         "China licenses exports of dysprosium to every country: each shipment waits between 30 days and 120 days, "
         "0 %, then from 2025-06-01 40 % are approved; without a licence: France, ev USA and 10 % of base-year trade."),
        ("export_licence", LICENCE | {"delay": {"USA": "90 days", "world": {"2025": "30 days", "2026": "20 days"}}},
         "China licenses exports of dysprosium to every country: each shipment waits 90 days to the United States and "
         "30 days, then from 2026-01-01 20 days to every country, 40 % are approved."),
    ],
)  # fmt: skip
def test_sentence(labels: Labels, kind: str, fields: dict[str, Any], sentence: str) -> None:
    assert event(kind, labels, **fields).sentence() == f"From 2025-01-01 {sentence}"


@pytest.mark.parametrize(
    ("kind", "fields", "touches"),
    [
        ("export_tax", {"by": "CHN", "to": "JPN", "goods": ["dysprosium"], "rate": "15 %"}, True),
        ("export_tax", {"by": "JPN", "to": "CHN", "goods": ["dysprosium"], "rate": "15 %"}, False),
        ("host_demands", {"by": "NOR", "goods": ["copper"], "royalty": "5 %"}, True),
        ("host_demands", {"by": "NOR", "goods": ["copper"], "ore_ban": True}, True),
        ("host_demands", {"by": "USA", "goods": ["copper"], "ore_ban": True}, False),
        ("host_demands", {"by": "USA", "goods": ["copper"], "carried": "5 %"}, True),
        ("host_demands", {"by": "JPN", "goods": ["dysprosium"], "royalty": "5 %"}, False),
        ("export_promotion", {"by": "CHN", "rate": "5 %"} | GALLIUM, True),
        ("export_promotion", {"by": "DEU", "rate": "5 %"} | GALLIUM, False),
        ("supply_pact", {"members": ["JPN", "DEU"], "preference": "5 %"} | GALLIUM, True),
        ("supply_pact", {"members": ["NOR"], "floor": "110 %"} | GALLIUM, False),
        ("carbon_border_tax", CARBON, True),
        ("carbon_border_tax", CARBON | {"by": "USA"}, False),
        ("carbon_border_tax", CARBON | {"on": "FRA"}, False),
        ("sanction", {"by": "JPN", "on": "CHN"}, True),
        ("sanction", {"by": "NOR", "on": "CHN"}, False),
        ("freight_shock", {"exporters": "JPN", "importers": "CHN", "change": "5 %"}, True),
        ("freight_shock", {"exporters": "NOR", "importers": "CHN", "change": "5 %"}, False),
        ("bloc", {"members": ["JPN", "DEU"], "preference": "5 %"}, True),
        ("bloc", {"members": ["NOR", "CHN"], "preference": "5 %"}, False),
        ("outage", {"countries": ["NOR"], "loss": "5 %", "length": "1 years"}, True),
        ("outage", {"countries": ["NOR"], "loss": "5 %", "length": "1 years"} | GALLIUM, False),
        ("energy_cost", {"countries": ["FRA"], "change": "5 %", "energy_share": "5 %"}, False),
        ("exchange_rate", {"countries": ["DEU"], "change": "5 %"}, True),
        ("exchange_rate", {"countries": ["FRA"], "change": "5 %"}, False),
        ("substitution_push", {"goods": ["copper"], "share": "5 %", "ramp": "1 years"}, True),
        ("substitution_push", {"goods": ["copper"], "countries": ["JPN"], "share": "5 %", "ramp": "1 years"}, False),
        ("export_licence", LICENCE | {"to": "JPN"}, True),
        ("export_licence", LICENCE | {"to": "JPN", "validated_countries": "JPN"}, False),
    ],
)  # fmt: skip
def test_what_it_touches_agrees_with_the_ledger(
    world: World, labels: Labels, kind: str, fields: dict[str, Any], touches: bool
) -> None:
    one = event(kind, labels, **fields)
    assert one.touches(labels) is touches
    tonnes, dollars = touched(world, acted(world, one), {"e": 1.0}, 1 / 12)["e"]
    assert (tonnes > 0) is (dollars > 0) is touches
