"""No behaviour in code: numbers of agents, engine and instruments are rows of tables, or stand here.

The syntax trees of agents, engine, instruments and world files are walked. Everywhere allowed are 0, 1,
2, -1 and -2 (an axis) in expressions, places in sequences and strings (``text[:60]``), and the ends of
what a scenario may state (``quantity(...)``). Constants of a module or class and defaults of a parameter
are looked at harder: of them only 0 passes. All else needs an entry in ``GUARDS`` or ``ALLOWED``, and an
entry that nothing needs any more fails, too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import sim
from sim.agents.parameters import Range, read_behaviour
from sim.tables import read_table
from sim.world.transport import Transport

SOURCE = Path(sim.__file__).parent
RAW = SOURCE.parent / "data" / "raw" / "assumptions"
WORLD = SOURCE.parent / "data" / "world"
WALKED = ("agents", "engine", "instruments", "controls.py", "world/*.py")
UNWALKED = (
    "engine/checkpoint.py", "engine/checkpoint_file.py", "world/load.py", "world/rows.py", "world/labels.py",
    "world/source.py", "world/basis.py",
)  # fmt: skip
"""Formats of files, the limits of what they may hold, how long they are kept, what is said of them."""
STRUCTURAL = {0, 1, 2, -1, -2}
GUARDS = {
    1e-300: "keeps a quotient defined where there may be nothing at all",
    1e-14: "rounding: mixes that change by less have settled",
    1e-13: "rounding: margins that miss by less are met",
    1e-12: "keeps a quotient defined: tonnes that nobody could weigh",
    1e-9: "rounding: tonnes, shares or steps below are none",
    1e15: "tonnes that no flow reaches",
}
"""Numbers so small or large that they stand for none or for no end, wherever they are written."""
ALLOWED: dict[tuple[str, float], str] = {
    ("CLASSES", 6): "a resolution: classes of value into which a need is cut",
    ("class_multiples", 0.5): "the middle of a class",
    ("LEAST_WORTH", 0.02): "keeps a price above 0, of which the market takes powers",
    ("Worth.__post_init__", 1e-6): "keeps a quotient defined: a share of an input that costs nothing",
    ("Worth._dearest", 1e3): "more than any use is worth, where no user is known yet",
    ("LEAST_YEARS", 0.02): "keeps a rate finite: the stock of a good of which nobody states any",
    ("LEAST_KEPT", 1e-5): "keeps what is kept a power of the price: minutes of output",
    ("UNUSED_RESPONSE", 1.0): "nobody reads it: sellers who keep stocks answer by what they keep",
    ("_switch", 0.5): "half of those who could go over do where it pays neither way",
    ("_switch", 1e-3): "keeps a rate finite: hours",
    ("TOLERANCE", 1e-8): "numerical: excess demand left in the market of tomorrow",
    ("ENTRY_RESPONSE", 30.0): "a step, smooth enough for the market's solver",
    ("ROOM_RESPONSE", 20.0): "a step, smooth enough for the market's solver",
    ("LARGEST_LOG, LARGEST", 60.0): "limit of what a checkpoint may hold",
    ("LARGEST_LOG, LARGEST", 1e6): "limit of what a checkpoint may hold",
    ("YearUse.__init__", 1e-3): "keeps a rate finite: hours",
    ("Tomorrow._year", 1e-6): "keeps a logarithm finite: a cash cost of nothing",
    ("above", 1e-3): "keeps a power finite",
    ("above", 1e3): "keeps a power finite",
    ("index_of_good", 3): "dimensions of an array",
    ("DAYS", 365.25): "calendar",
    ("ROUNDS", 80): "numerical: rounds until prices agree with each other",
    ("STAGES", 3): "a resolution: parts into which a lifetime is cut",
    ("ROUNDING", 1e-12): "numerical: what rounding leaves of a log price",
    ("ARRIVED, NEARLY", 1e-3): "numerical: change of a log price up to which rounds agree",
    ("ARRIVED, NEARLY", 5e-3): "numerical: the same where prices are on their way anyhow",
    ("SAME, SHRINKS, ONWARDS", 0.3): "numerical: from which two rounds count as alike",
    ("SAME, SHRINKS, ONWARDS", 0.9): "numerical: from which a way counts as far",
    ("SAME, SHRINKS, ONWARDS", 2.0): "numerical: how far a round then goes",
    ("MEMORY", 8): "numerical: rounds that are remembered",
    ("LONGEST_WAY", 3.0): "numerical: how far sales are taken to move between two rounds",
    ("WORTH_NARROWING", 0.75): "numerical: when rounds go on with fewer goods and members; results stay",
    ("FARTHEST", 3.0): "numerical: how far a remembered change is gone on",
    ("STEADY, LEAST", 1e-2): "numerical: keeps least squares of rounds that say the same defined",
    ("SMALL_SHARE", 0.02): "numerical: how changes of small amounts are measured",
    ("_quarter", 3): "calendar: months of a quarter",
    ("_quarter", 10): "calendar: the first month of the last quarter",
    ("_quarter", 12): "calendar: months of a year",
    ("_quarter", 4): "calendar: quarters of a year",
    ("MOST_WINDOWS", 8): "a resolution: changes ahead that are looked at",
    ("HORIZON_YEARS", 10.0): "a resolution: changes farther ahead weigh next to nothing",
    ("Windows.of", 365): "calendar",
    ("Windows.__init__", 20): "bits of the number that stands for who owns what",
    ("LOOKS_AHEAD", 1.0): "a resolution: at which times what goes on changing is looked at",
    ("LOOKS_AHEAD", 2.0): "a resolution: at which times what goes on changing is looked at",
    ("LOOKS_AHEAD", 4.0): "a resolution: at which times what goes on changing is looked at",
    ("Instrument.turns", 0.5): "a resolution: a ramp is looked at halfway",
    ("spans", 0.5): "a resolution: times around that of the central run that are looked at",
    ("spans", 4): "a resolution: times around that of the central run that are looked at",
    ("_Owners.concentration", 1e4): "the index by its definition runs to 10,000",
    ("_decided", 1e-6): "below a millionth of a step, decisions over a time are decisions at once",
    ("Piles._decide", 3): "how many arrays are made",
    ("_Followed.__init__", 3): "how many arrays are made",
    ("shipping_lags", 3): "dimensions of an array",
    ("_parsed", 8): "files kept in memory",
    ("MOST_FLOWS", 8): "inverted base years kept in memory",
    ("MOST_KEPT", 256): "ways to own all facilities that are kept in memory",
    ("MOST_PARTS", 64): "sets of chains that are kept in memory",
    ("MOST_PLACES", 64): "sets of offers and needs whose plants are kept in memory",
    ("BASE_ROUNDS", 200): "numerical: rounds in which mixes settle geometrically",
    ("PARAMETER_STREAM, NOISE_STREAM, FIRST_PATH_STREAM", 1): "names of random streams",
    ("PARAMETER_STREAM, NOISE_STREAM, FIRST_PATH_STREAM", 16): "names of random streams",
    ("FIRST_MARKET_STREAM", 1): "names of random streams",
    ("FIRST_MARKET_STREAM", 33): "names of random streams",
    ("POSTERIOR_STREAM", 2): "name of a random stream",
    ("Draws.happens", 0.5): "the central run takes what is likelier",
    ("HALF", 0.5): "what covers half of a step or more counts for the step",
    ("ROUNDS, ARRIVED", 100): "numerical: rounds in which asks answer each other",
    ("ROUNDS, ARRIVED", 1e-8): "numerical: change of a log mark-up at which they have",
    ("SHORTER, LONGER", 0.5): "numerical: steps that overshoot are halved",
    ("SHORTER, LONGER", 1.3): "numerical: how they grow again",
    ("flows_at", 3): "dimensions of an array",
    ("MarketPower._rivalry", 3): "dimensions of an array",
    ("Piles._decide", 1e-6): "keeps an order's price above 0, of which the market takes powers",
    ("LicenceQueue.decide", 1): "default: the whole of what is due",
    ("QUANTILES", 0.05): "of what is reported",
    ("QUANTILES", 0.5): "of what is reported",
    ("QUANTILES", 0.95): "of what is reported",
    ("MARKET_TOLERANCE", 1e-6): "numerical: excess demand left in a market",
    ("STEPS_PER_YEAR", 12): "calendar",
    ("STEPS_PER_YEAR", 52): "calendar",
    ("step_dates", 12): "calendar",
    ("step_dates", 7): "calendar",
    ("Simulation.__init__", 1): "default: one member, the central run",
    ("ReactionRule.times", 1): "default of a field of scenarios: a rule acts once",
    ("LEAST_LEFT", 0.1): "an end of what scenarios may state, for what their events add up to",
    ("BALANCE_ROUNDS", 2000): "numerical: rounds of proportional fitting",
    ("NEWTON_ROUNDS", 50): "numerical: rounds after proportional fitting, each far quicker",
    ("basket_inflow", 4): "numerical: chains of traders that a basket passes through",
    ("EARTH_RADIUS_KM", 6371): "geography",
    ("KM_PER_UNIT", 1000): "a unit",
    ("FIRST_YEAR, LAST_YEAR", 1900): "years that a date may name",
    ("FIRST_YEAR, LAST_YEAR", 2200): "years that a date may name",
    ("_period", 1900): "years that a date may name",
    ("_period", 2200): "years that a date may name",
    ("MONTHS", 12): "calendar: months of a year",
    ("MONTHS", 6): "calendar: months of a half-year",
    ("MONTHS", 3): "calendar: months of a quarter",
    ("_batch", 12): "calendar: months of a year",
    ("parse_day", 12): "calendar",
    ("_count", 1000): "the largest count that a scenario may state",
    ("WholeNumber", 1): "the least count that a scenario may state",
    ("WholeNumber", 1000): "the largest count that a scenario may state",
    ("MIDDLE", 0.5): "the central run draws the middle",
    ("PERCENT", 100): "a unit",
    ("LEAST_RATE", 1e-3): "keeps a value finite",
    ("LEAST_PART", 0.01): "keeps a cost finite: of a reserve that is nearly gone",
    ("LARGEST", 500.0): "keeps a power finite",
    ("MONTHS, MILLION", 12): "calendar: months of a year",
    ("MONTHS, MILLION", 1e6): "a unit",
    ("select_goods", 4): "digits from which a word is a customs code",
}
"""(Constant or function, number) -> why it is no behaviour."""
AMOUNTS = {
    "100 %": "all of it: an amount that changes nothing",
    "0 %": "nothing of it",
    "0 %/year": "nothing of it",
    "0 days": "at once",
    "0 t": "nothing",
    "6 months": "life of a permit where a scenario states none: a field of the scenario, varied there",
}
"""Amounts with units that code may state, as defaults of fields of scenarios, and why."""
LIMITS = "quantity"
"""The function that states between which ends a scenario may choose."""


@dataclass(frozen=True)
class Number:
    """A number in the source."""

    place: str
    scope: str
    """The function or constant that it stands in."""
    value: float
    stated: bool
    """A constant or a default, rather than part of an expression."""

    @property
    def allowed(self) -> bool:
        free = {0} if self.stated else STRUCTURAL
        return self.value in free or abs(self.value) in GUARDS or (self.scope, self.value) in ALLOWED


class Walk(ast.NodeVisitor):
    """Collects the numbers of one file."""

    def __init__(self, file: str) -> None:
        self.file, self.scope = file, ""
        self.in_function = self.stated = False
        self.numbers: list[Number] = []

    def within(
        self, name: str, nodes: Sequence[ast.AST], *, function: bool = False, stated: bool = False
    ) -> None:
        """Visit nodes in the scope of a class, function or constant; inside a function its name stays."""
        before = self.scope, self.in_function, self.stated
        if not self.in_function:
            self.scope = f"{self.scope}.{name}" if self.scope else name
        self.in_function, self.stated = self.in_function or function, stated
        for node in nodes:
            self.visit(node)
        self.scope, self.in_function, self.stated = before

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.within(node.name, [*node.decorator_list, *node.body])

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        defaults = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        self.within(node.name, defaults, stated=True)
        self.within(node.name, [*node.decorator_list, *node.body], function=True)

    def constant(self, node: ast.Assign | ast.AnnAssign, name: str) -> None:
        """Of a module or class; inside a function an assignment is part of its expressions."""
        parts = [part for part in (node.value, getattr(node, "annotation", None)) if part is not None]
        if self.in_function:
            for part in parts:
                self.visit(part)
        else:
            self.within(name, parts, stated=True)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.constant(node, ast.unparse(node.targets[0]).strip("()"))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.constant(node, ast.unparse(node.target))

    def visit_Call(self, node: ast.Call) -> None:
        if not (isinstance(node.func, ast.Name) and node.func.id == LIMITS):
            self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """A place in a sequence is none of behaviour."""
        self.visit(node.value)
        places = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for place in places:
            if not isinstance(place, ast.Slice | ast.Constant | ast.UnaryOp):
                self.visit(place)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        operand = node.operand
        if isinstance(node.op, ast.USub) and isinstance(operand, ast.Constant):
            self.note(operand, -1)
        else:
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        self.note(node, 1)

    def note(self, node: ast.Constant, sign: int) -> None:
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            place = f"{self.file}:{node.lineno}"
            self.numbers.append(Number(place, self.scope, sign * node.value, self.stated))


def numbers_of(text: str, file: str = "planted.py") -> list[Number]:
    walk = Walk(file)
    walk.visit(ast.parse(text))
    return walk.numbers


def files() -> Iterator[Path]:
    for part in WALKED:
        for path in sorted(SOURCE.glob(part)):
            found = sorted(path.rglob("*.py")) if path.is_dir() else [path]
            yield from (one for one in found if one.relative_to(SOURCE).as_posix() not in UNWALKED)


def all_numbers() -> list[Number]:
    return [
        number
        for path in files()
        for number in numbers_of(path.read_text(encoding="utf-8"), path.relative_to(SOURCE).as_posix())
    ]


def refused(text: str) -> list[float]:
    return [number.value for number in numbers_of(text) if not number.allowed]


def test_no_number_of_behaviour_stands_in_code() -> None:
    found = [f"{one.place}: {one.value:g} in {one.scope}" for one in all_numbers() if not one.allowed]
    assert found == [], "make it a row of data/raw/assumptions/behaviour.csv, or say here why it is none"


def test_every_exception_is_needed() -> None:
    numbers = all_numbers()
    used = {(one.scope, one.value) for one in numbers}
    assert {key for key in ALLOWED if key not in used} == set()
    assert {guard for guard in GUARDS if guard not in {abs(one.value) for one in numbers}} == set()
    assert all([*ALLOWED.values(), *GUARDS.values(), *AMOUNTS.values()])


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("PATIENCE = 0.3\n", [0.3]),
        ("PATIENCE = 2.0\n", [2.0]),
        ("PATIENCE: float = -3\n", [-3]),
        ("LOW, HIGH = 0.05, 50.0\n", [0.05, 50.0]),
        ("class Buyer:\n    patience = 1.5\n", [1.5]),
        ("@dataclass\nclass Buyer:\n    patience: float = 1.0\n", [1.0]),
        ("def order(need, patience=1.0):\n    return need * patience\n", [1.0]),
        ("def order(need, *, patience=0.9):\n    return need * patience\n", [0.9]),
        ("def order(need):\n    return 1.1 * need\n", [1.1]),
        ("def order(need):\n    patience = 3\n    return need / patience\n", [3]),
        ("def order(need):\n    return need ** -0.4\n", [-0.4]),
        ("def order(need):\n    return np.maximum(need, 1e-3)\n", [1e-3]),
        ("def order(need):\n    return [n for n in need if n > 0.01]\n", [0.01]),
        ("order = lambda need: 0.7 * need\n", [0.7]),
        ("WEIGHTS = {'a': 0.2}\n", [0.2]),
        ("class Buyer:\n    def order(self, need):\n        return need * 1.2\n", [1.2]),
        ("async_rate = partial(order, patience=5)\n", [5]),
    ],
)
def test_a_planted_number_is_caught(text: str, caught: list[float]) -> None:
    assert refused(text) == caught


@pytest.mark.parametrize(
    "text",
    [
        "def order(need):\n    return 2 * need - 1\n",
        "def order(need):\n    return need[..., 3]\n",
        "def order(text):\n    return text[:60]\n",
        "Rate = Annotated[Quantity, quantity('share', -10.0, 100.0, 'a rate')]\n",
        "def order(need):\n    return need / np.maximum(need, 1e-12)\n",
        "NONE = 0.0\n",
    ],
)
def test_what_is_no_behaviour_passes(text: str) -> None:
    assert refused(text) == []


def stated_amounts(text: str) -> list[str]:
    """Amounts written as text, which a walk for numbers does not see."""
    return [
        argument.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2].startswith("parse_")
        for argument in node.args[:1]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


def test_no_amount_with_a_unit_stands_in_code() -> None:
    found = [one for path in files() for one in stated_amounts(path.read_text(encoding="utf-8"))]
    assert set(found) == set(AMOUNTS)
    assert stated_amounts("DELAY = parse_quantity('45 days', 'duration')\n") == ["45 days"]


LOOK_UPS = (".shared", ".shared_or_each")


def read_in_code() -> set[str]:
    """Names that agents and engine look up in the members' behaviour."""
    found = set()
    for path in files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            asked: ast.expr | None = None
            if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("behaviour"):
                asked = node.slice
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(LOOK_UPS) and node.args:
                asked = node.args[0]
            if isinstance(asked, ast.Constant) and isinstance(asked.value, str):
                found.add(asked.value)
    return found


def test_every_row_of_the_table_is_read_and_every_name_read_is_a_row() -> None:
    assert read_in_code() == {name for name, _ in read_behaviour()}


@pytest.mark.parametrize("name", ["behaviour", "transport", "plants"])
def test_every_row_has_value_range_unit_source_and_confidence(name: str) -> None:
    table = read_table(RAW / f"{name}.csv", ("value", "low", "high", "unit", "source", "confidence"))
    assert len(table) > 3
    for row in table:
        low, high = row.number("low"), row.number("high")
        row.number("value", low, high)
        row.word("confidence", ("seen", "derived", "memory", "assumption"), "confidence")
        assert low < high, row.line
        assert row.text("unit"), row.line
        assert row.text("source"), row.line
    table.problems.check()


def test_every_rule_of_transport_and_plants_is_used() -> None:
    rules = {name for (name,) in read_table(WORLD / "transport.csv").columns("rule")}
    assert rules == set(Transport.__dataclass_fields__)
    text = (SOURCE / "world" / "build" / "economy.py").read_text(encoding="utf-8")
    named = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    rules = {name for (name,) in read_table(RAW / "plants.csv").columns("rule")}
    assert rules <= named


def test_what_is_held_has_a_range_to_vary_it_in() -> None:
    spans = {name: span for (name, _), span in read_behaviour().items() if isinstance(span, Range)}
    held = {name: span for name, span in spans.items() if span.held}
    assert len(held) > 20
    for name, span in held.items():
        assert span.low < span.high, name
        assert span.bounds == (span.value, span.value), name
