"""What a comparison measures: name, words, unit and kind of each, in one table."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MEASURES", "Measure"]


@dataclass(frozen=True)
class Measure:
    """One measure.

    Attributes:
        name: as JSON, tables and conditions call it.
        words: as the printed table calls it.
        unit: shown; ``price`` and ``good`` stand for that of the good.
        kind: how to print: number, multiple, month, duration, share or change.
        dimension: of :data:`sim.units.UNITS` in which a condition states a bound; empty for plain numbers.
        sentence: what it means.
        of: what may be named, of good, place, sector and owner.
        testable: whether a condition may name it.
    """

    name: str
    words: str
    unit: str
    kind: str
    dimension: str
    sentence: str
    of: tuple[str, ...] = ("good",)
    testable: bool = True


GOOD, PLACE, SECTOR, OWNER = "good", "place", "sector", "owner"
USERS = (PLACE, SECTOR, GOOD)

_TABLE = (
    Measure("price", "peak price outside", "price", "number", "price",
            "Highest price outside the controlling country."),
    Measure("price_inside", "peak price inside", "price", "number", "price",
            "Highest price inside the controlling country."),
    Measure("multiple", "  highest multiple of the baseline", "x", "multiple", "",
            "Highest multiple of the paired baseline's price, outside."),
    Measure("multiple_inside", "  highest multiple of the baseline", "x", "multiple", "",
            "Highest multiple of the paired baseline's price, inside."),
    Measure("lowest_inside", "  lowest multiple of the baseline", "x", "multiple", "",
            "Lowest multiple of the paired baseline's price, inside."),
    Measure("peak_month", "  month of the peak", "", "month", "",
            "Month of the highest price outside, where it is more than 5 % above the baseline.",
            testable=False),
    Measure("delivered", "peak price paid in", "price", "number", "price",
            "Highest price paid by a country's buyers, duty and rent included.", (PLACE, GOOD)),
    Measure("imports", "imports of", "good", "number", "mass",
            "Tonnes that arrive in a country from abroad, over the period.", (PLACE, GOOD)),
    Measure("imports_change", "  less the baseline's", "good", "change", "mass",
            "The same less that of the paired baseline.", (PLACE, GOOD)),
    Measure("unmet", "unmet demand", "good", "number", "mass",
            "Tonnes that users need but miss, traders left out, over the period.", USERS),
    Measure("shortage", "  share, worst 12 months", "%", "share", "share",
            "Unmet share of requirement in the worst twelve months in a row.", USERS),
    Measure("probability", "  probability of > {threshold} unmet", "%", "share", "share",
            "Share of members whose shortage is above the stated one.", USERS, testable=False),
    Measure("first_shortage", "months to first shortfall outside", "months", "duration", "duration",
            "From the first event that touches the good "
            "to the first step with 1 % more unmet than in the baseline, outside."),
    Measure("recovery", "months to recover, price outside", "months", "duration", "duration",
            "From the first event that touches the good "
            "until the price outside stays within 20 % of the baseline's."),
    Measure("supply_recovery", "months to recover, supply outside", "months", "duration", "duration",
            "From the first event that touches the good "
            "until less than 1 % of need is unmet beyond the baseline's, outside."),
    Measure("hhi", "HHI of output by country, {year}", "", "number", "",
            "Herfindahl-Hirschman index of output by country in the last year, 0 to 10,000."),
    Measure("hhi_change", "  less the baseline's", "", "change", "",
            "The same less that of the paired baseline."),
    Measure("hhi_owners", "HHI of sales by owner, {year}", "", "number", "",
            "Herfindahl-Hirschman index of sales by owner in the last year, 0 to 10,000."),
    Measure("hhi_owners_change", "  less the baseline's", "", "change", "",
            "The same less that of the paired baseline."),
    Measure("country_share", "share of output, {year}", "%", "share", "share",
            "A country's share of the good's output in the last calendar year.", (PLACE, GOOD)),
    Measure("country_share_change", "  less the baseline's", "points", "change-share", "share",
            "The same less that of the paired baseline.", (PLACE, GOOD)),
    Measure("owner_share", "share of sales, {year}", "%", "share", "share",
            "An owner's share of the good's sales in the last calendar year; owners are the base year's.",
            (OWNER, GOOD), testable=False),
    Measure("owner_share_change", "  less the baseline's", "points", "change-share", "share",
            "The same less that of the paired baseline.", (OWNER, GOOD), testable=False),
    Measure("value_at_risk", "value added at risk", "bn USD", "number", "money",
            "Value added that hangs on missing goods, over the period, less the baseline's.",
            (PLACE, SECTOR)),
    Measure("exports_value", "  exports", "bn USD", "change", "money",
            "Exports of all goods at gate prices, less the baseline's.", (PLACE,)),
    Measure("imports_value", "  imports", "bn USD", "change", "money",
            "Imports of all goods, freight and rent included, less the baseline's.", (PLACE,)),
    Measure("duties", "  duties raised", "bn USD", "change", "money",
            "Tariff revenue, less the baseline's; paid inside the country.", (PLACE,)),
    Measure("net", "net gain or loss", "bn USD", "change", "money",
            "Exports less imports less value added at risk, each less the baseline's.", (PLACE,)),
    Measure("owner_sales", "sales", "bn USD", "change", "money",
            "Sales of an owner's facilities at gate prices, less the baseline's.", (OWNER,)),
    Measure("projects_begun", "projects begun", "", "number", "",
            "Projects whose building begins in the period.", (),
            testable=False),
    Measure("projects_delayed", "  open later than in the baseline, or never", "", "number", "",
            "Projects that open later than in the paired baseline, or never although they do there.", (),
            testable=False),
    Measure("projects_running", "projects that run at the end", "", "number", "",
            "Projects that run in the last step.", (),
            testable=False),
    Measure("projects_idled", "  idled at some time", "", "number", "",
            "Projects that stood idle for some time after they ran.", (),
            testable=False),
    Measure("projects_cancelled", "projects given up", "", "number", "",
            "Projects that are given up before they run, by the last step.", (),
            testable=False),
    Measure("projects_killed", "  closed or given up, not in the baseline", "", "number", "",
            "Projects that are closed or given up, and are neither in the paired baseline.", (),
            testable=False),
    Measure("projects_saved", "  neither, although they are in the baseline", "", "number", "",
            "Projects that are neither closed nor given up, although they are in the paired baseline.", (),
            testable=False),
    Measure("projects_invested", "spent on building", "bn USD", "number", "money",
            "Capital spent on building projects, over the period.", (),
            testable=False),
    Measure("public_paid", "public money", "bn USD", "number", "money",
            "Paid by states' funds for projects, under price floors, on exports, for scrap; over the period.",
            (), testable=False),
    Measure("public_returned", "  that comes back", "bn USD", "number", "money",
            "Repayments to states' funds, and their part of profits, over the period.", (),
            testable=False),
    Measure("host_income", "taken of mines", "bn USD", "number", "money",
            "Royalties and shares of margins that a host takes under an event, over the period.", (PLACE,),
            testable=False),
    Measure("promotion_paid", "given back on exports", "bn USD", "number", "money",
            "Paid by states on exports, over the period.", (),
            testable=False),
    Measure("floors_paid", "paid under price floors", "bn USD", "number", "money",
            "Paid by states under price floors, over the period.", (),
            testable=False),
    Measure("recycling_paid", "paid for scrap", "bn USD", "number", "money",
            "Paid by states to recyclers, over the period.", (),
            testable=False),
    Measure("recovered", "recovered of scrap", "t", "number", "mass",
            "Tonnes that recyclers made of goods that were in use, over the period.", (GOOD,),
            testable=False),
    Measure("recovered_share", "  share of output, last year", "%", "share", "share",
            "Their share of what mines, plants and recyclers made of the good in the last twelve months.",
            (GOOD,), testable=False),
    Measure("event_before", "  before", "%", "change-share", "share",
            "Trade or output that an event touches before its first day, less the baseline's, over it.",
            ("event",), testable=False),
    Measure("event_after", "  from then on", "%", "change-share", "share",
            "Trade or output that an event touches from its first day on, less the baseline's, over it.",
            ("event",), testable=False),
)  # fmt: skip

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _TABLE}
"""Name -> measure, in the order in which tables show them."""
