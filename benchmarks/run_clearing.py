"""The clearing core: time per market, against exact solvers, and how it scales.

Times are of the processor, one thread, medians: other work on the machine then counts for less.
The exact solvers answer another question: the least-cost limit, where buyers switch without
hesitation. The last rows say how far the smooth answer lies from it.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import statistics  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import dataclass, replace  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.optimize import linprog  # noqa: E402
from scipy.sparse import coo_array, csr_array, vstack  # noqa: E402

from benchmarks.harness import Figure, publish  # noqa: E402
from sim.market import Clearing, ClearingState, Market, clear, prepare  # noqa: E402
from sim.market import clearing as core  # noqa: E402
from sim.market.solver import sweeps  # noqa: E402
from sim.market.solver.asked import load  # noqa: E402
from sim.market.solver.frame import frames_of  # noqa: E402
from sim.market.solver.inputs import Inputs, tier_order  # noqa: E402
from sim.market.solver.solve import references  # noqa: E402
from sim.market.solver.sweeps import Sweeper, mix  # noqa: E402

Array = NDArray[np.float64]
REPEATS = 7
SIGMA, ETA, EPS = 8.0, 0.3, 4.0
BANNED, TOLERANCE = 0.3, 1e-6


class Given(NamedTuple):
    """What :func:`sim.market.clear` takes, in its order."""

    quantity: Array
    ask: Array
    demand: Array
    reservation: Array
    elasticity: Array
    cap_tonnes: Array | None = None

    def shocked(self, rng: np.random.Generator) -> Given:
        """Quantities and demand moved by 2 %."""
        return self._replace(
            quantity=self.quantity * rng.lognormal(0, 0.02, self.quantity.shape),
            demand=self.demand * rng.lognormal(0, 0.02, self.demand.shape),
        )


@dataclass(frozen=True)
class Batch:
    """One market with many members, its start, and the inputs after a 2 % shock."""

    market: Market
    inputs: Given
    before: ClearingState
    wedge: Array
    tolerance: float

    def clear(self, **options: Any) -> Clearing:
        return clear(
            self.market, *self.inputs, start=self.before, tolerance=self.tolerance, **options
        )

    def first(self, members: int) -> Batch:
        """The same markets, the first ones only."""
        quantity, ask, demand, reservation = (values[:members] for values in self.inputs[:4])
        caps = None if self.inputs.cap_tonnes is None else self.inputs.cap_tonnes[:members]
        some = Given(quantity, ask, demand, reservation, self.inputs.elasticity, caps)
        return replace(self, inputs=some, before=self.before.members(slice(0, members)))


def batch(members: int, side: int = 20, scarcity: float = 1.1, caps: int = 0) -> Batch:
    """Members that share a kernel; sellers and buyers differ by 20 % from member to member."""
    rng = np.random.default_rng(0)
    wedge = rng.normal(0, 1 / SIGMA, (side, side)) + np.log(1 + rng.uniform(0, 0.3, (side, side)))
    is_open = rng.random((side, side)) >= BANNED
    kernel = np.where(is_open, np.exp(-SIGMA * wedge), 0.0)
    stock, want = rng.lognormal(0, 1, side), rng.lognormal(0, 1, side)
    quantity = stock * rng.lognormal(0, 0.2, (members, side))
    demand = want * rng.lognormal(0, 0.2, (members, side))
    demand *= scarcity * (quantity.sum(axis=1) / demand.sum(axis=1))[:, None]
    ask = rng.lognormal(0, 0.3, side) * rng.lognormal(0, 0.05, (members, side))
    reservation = np.full((members, side, 1), 1.5)
    one = np.zeros(side, dtype=int)
    groups = [(0, np.arange(side) % 7 == c, np.arange(side) % 3 != c % 3) for c in range(caps)]
    market = Market.build(one, one, [kernel], [SIGMA], np.full(side, EPS), groups)
    base = stock, np.exp(np.log(ask).mean(axis=0)), want[:, None] * scarcity * stock.sum() / want.sum()
    market = prepare(market, *base, reservation[0], [ETA])
    inputs = Given(quantity, ask, demand[:, :, None], reservation, np.array([ETA]))
    if caps:
        loose = inputs._replace(cap_tonnes=np.full((members, caps), 1e9))
        unlimited = clear(market, *loose, tolerance=TOLERANCE)
        flow = unlimited.flow(0)
        used = [flow[:, s][:, :, b].sum(axis=(1, 2)) for _, s, b in groups]
        inputs = inputs._replace(cap_tonnes=0.6 * np.array(used).T)
    before = clear(market, *inputs, tolerance=TOLERANCE).state
    return Batch(market, inputs.shocked(rng), before, np.where(is_open, wedge, np.inf), TOLERANCE)


def median_seconds(call: Callable[[], object], repeats: int = REPEATS, warm_up: int = 2) -> float:
    """Median processor seconds of a call."""
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


def per_market(call: Callable[[], object], markets: int) -> float:
    """Median microseconds per market."""
    return median_seconds(call) / markets * 1e6


def sweeper_of(case: Batch) -> tuple[Sweeper, Array]:
    """The sweeps alone: without reading inputs, quoting, scaling and certificates."""
    quantity, ask, demand, reservation, elasticity = case.inputs[:5]
    (frame,) = frames_of(case.market, len(quantity), 0)
    none, tiers = np.zeros((len(quantity), 0)), tier_order(elasticity, 1)
    inputs = Inputs(quantity, np.log(ask), demand, reservation, elasticity, none, *tiers)
    asked, start = load(frame, inputs), inputs.of_variables(frame, case.before.log_price)
    sweeper = Sweeper(frame, asked, references(frame, asked, start))
    return sweeper, sweeper.from_prices(start)


def transport(case: Batch, member: int) -> dict[str, Any]:
    """The least-cost problem of one member for ``linprog``, sparse."""
    quantity, ask, demand, reservation = (a[member] for a in case.inputs[:4])
    sellers, buyers = np.nonzero(np.isfinite(case.wedge))
    worth = np.log(reservation[buyers, 0]) - np.log(ask[sellers]) - case.wedge[sellers, buyers]
    column, one = np.arange(len(sellers)), np.ones(len(sellers))
    rows = [
        coo_array((one, (side, column)), shape=(size, len(sellers)))
        for side, size in ((sellers, len(ask)), (buyers, len(demand)))
    ]
    return {
        "c": -worth,
        "A_ub": csr_array(vstack(rows)),
        "b_ub": np.concatenate([quantity, demand[:, 0]]),
        "links": (sellers, buyers),
    }


def solve_linprog(problem: dict[str, Any]) -> Array:
    """Flows of the exact optimum."""
    answer = linprog(problem["c"], A_ub=problem["A_ub"], b_ub=problem["b_ub"], method="highs")
    return np.asarray(answer.x)


def rivals(case: Batch, ours: float) -> list[Figure]:
    """Exact solvers on the least-cost limit of the same markets."""
    problems = [transport(case, member) for member in range(20)]
    exact = per_market(lambda: [solve_linprog(p) for p in problems], len(problems))
    figures = [
        Figure("times faster than scipy linprog (HiGHS)", exact / ours, "ratio", 500, 1000, True),
    ]
    absolute = [Figure("linprog, per market", exact, "us")]
    for rival in (_highs, _pot):
        ratio, alone = rival(case, ours)
        figures.append(ratio)
        absolute.append(alone)
    figures += absolute
    clearing = case.clear()
    flow, distance = clearing.flow(0), []
    for member, problem in enumerate(problems):
        best = np.zeros(case.wedge.shape)
        best[problem["links"]] = solve_linprog(problem)
        distance.append(np.abs(flow[member] - best).sum() / (best.sum() + flow[member].sum()))
    far = float(np.median(distance))
    # The exact solvers answer the least-cost limit, not the same smooth problem.
    figures.append(Figure("share of tonnes that flow otherwise than in the least-cost limit", far, "share"))
    return figures


def _highs(case: Batch, ours: float) -> tuple[Figure, Figure]:
    """A warm-started HiGHS: bounds change, basis stays."""
    import highspy

    problem = transport(case, 0)
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    matrix = problem["A_ub"].tocsc()
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = matrix.shape[1], matrix.shape[0]
    model.col_cost_ = problem["c"]
    model.col_lower_, model.col_upper_ = np.zeros(matrix.shape[1]), np.full(matrix.shape[1], 1e30)
    model.row_lower_, model.row_upper_ = np.full(matrix.shape[0], -1e30), problem["b_ub"]
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    solver.passModel(model)
    solver.run()
    bounds = [transport(case, member)["b_ub"] for member in range(20)]
    rows = np.arange(matrix.shape[0], dtype=np.int32)

    def solve() -> None:
        for upper in bounds:
            solver.changeRowsBounds(len(rows), rows, np.full(len(rows), -1e30), upper)
            solver.run()

    warm = per_market(solve, len(bounds))
    ratio = Figure("times faster than warm-started highspy", warm / ours, "ratio", 35, 70, True)
    return ratio, Figure("warm-started highspy, per market", warm, "us")


def _pot(case: Batch, ours: float) -> tuple[Figure, Figure]:
    """Network simplex on the balanced problem."""
    from ot.lp.emd_wrap import emd_c

    quantity, ask, demand = case.inputs[:3]
    wedge = np.where(np.isfinite(case.wedge), case.wedge, 1e3)
    problems = [
        (
            quantity[member] / quantity[member].sum(),
            demand[member, :, 0] / demand[member].sum(),
            np.ascontiguousarray(wedge + np.log(ask[member])[:, None]),
        )
        for member in range(200)
    ]
    raw = per_market(lambda: [emd_c(*problem, 100_000, 1) for problem in problems], len(problems))
    ratio = Figure("times faster than POT emd (raw call)", raw / ours, "ratio", 8, 16, True)
    return ratio, Figure("POT emd (raw call), per market", raw, "us")


def own_kernels(members: int, side: int = 20) -> float:
    """Microseconds per market when every member has a kernel of its own."""
    case = batch(members, side=side)
    rng = np.random.default_rng(1)
    wedge = 1 + rng.uniform(0, 0.3, (members, side, side))
    kernel = case.market.kernel[0] * wedge**-SIGMA
    one = np.zeros(side, dtype=int)
    market = Market.build(one, one, [kernel], [SIGMA], np.full(side, EPS))
    before = clear(market, *case.inputs, tolerance=case.tolerance)
    quantity = case.inputs.quantity
    after = case.inputs._replace(quantity=quantity * rng.lognormal(0, 0.02, quantity.shape))
    return per_market(lambda: clear(market, *after, start=before.state, tolerance=case.tolerance), members)


def world_step(members: int, caps: int) -> float:
    """Milliseconds for one step of 50 goods with 5 to 40 sellers, 10 to 80 buyers, 3 tiers, to 1e-9."""
    rng = np.random.default_rng(2)
    sizes = [(int(rng.integers(5, 41)), int(rng.integers(10, 81))) for _ in range(50)]
    offer_good = np.repeat(np.arange(50), [s for s, _ in sizes])
    need_good = np.repeat(np.arange(50), [b for _, b in sizes])
    kernel = [rng.lognormal(0, 1.5, size) * np.where(rng.random(size) < 0.6, 1e-3, 1) for size in sizes]
    kernel = [k / k.sum(axis=0) for k in kernel]
    groups = []
    for g in range(caps):
        seller = np.arange(sizes[g][0]) == 0
        groups.append((g, seller, rng.random(sizes[g][1]) < 0.7))
    market = Market.build(
        offer_good, need_good, kernel, np.full(50, SIGMA), np.full(len(offer_good), EPS), groups
    )
    quantity = rng.lognormal(0, 1, len(offer_good))
    demand = rng.lognormal(0, 1, len(need_good))
    for g in range(50):
        mine = need_good == g
        demand[mine] *= rng.uniform(0.8, 1.1) * quantity[offer_good == g].sum() / demand[mine].sum()
    tiers = demand[:, None] * np.array([0.5, 0.3, 0.2])
    reservation = np.ones_like(tiers) * np.array([3.0, 1.2, 1.0])
    elasticity = np.array([0.4, 0.8, 1.6])
    ask = rng.lognormal(0, 0.2, len(offer_good))
    market = prepare(market, quantity, ask, tiers, reservation, elasticity)

    def drawn(values: Array, spread: float) -> Array:
        return values * rng.lognormal(0, spread, (members, *values.shape))

    inputs = Given(
        drawn(quantity, 0.05), drawn(ask, 0.02), drawn(tiers, 0.05), drawn(reservation, 0.0), elasticity,
        np.full((members, caps), 1e9),
    )  # fmt: skip
    free = clear(market, *inputs)
    tonnes = np.zeros((members, caps))
    for c, (g, s, b) in enumerate(groups):
        tonnes[:, c] = 0.6 * free.flow(g)[:, s][:, :, b].sum(axis=(1, 2))
    inputs = inputs._replace(cap_tonnes=tonnes)
    before = clear(market, *inputs)
    after = inputs.shocked(rng)
    return median_seconds(lambda: clear(market, *after, start=before.state)) * 1e3


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of log time over log size."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def arrays_per_sweep(sweeper: Sweeper, w: Array, tolerance: float) -> float:
    """Most arrays as large as the batch that any sweep allocates, its mixing and its check included.

    Measured from one sweep to the next, after the first, with nothing dropped from the batch: what leaves
    moves to smaller arrays, once.
    """
    mix(sweeper, w, tolerance)
    seen: list[int] = []
    plain = sweeper.sweep

    def watched(at: Array, out: Array) -> None:
        seen.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
        base.append(tracemalloc.get_traced_memory()[0])
        plain(at, out)

    base: list[int] = []
    observed: Any = sweeper
    observed.sweep, least = watched, sweeps.WORTH_COMPACTING
    sweeps.WORTH_COMPACTING = 10**9
    tracemalloc.start()
    try:
        mix(sweeper, w, tolerance)
    finally:
        tracemalloc.stop()
        sweeper.sweep, sweeps.WORTH_COMPACTING = plain, least  # type: ignore[method-assign]
    between = [peak - before for peak, before in zip(seen[1:], base, strict=False)]
    return float(max(between) // w.nbytes)


def parts(case: Batch, sweeper: Sweeper, w: Array, used: float) -> list[Figure]:
    """Where the time of the sweeps goes, and its distance from the floor."""
    members, side = case.inputs[0].shape
    kernel = np.ascontiguousarray(case.market.kernel[0])
    x, out = np.random.default_rng(0).random((members, side)) + 0.5, np.empty((members, side))
    products = 2 * per_market(lambda: np.matmul(x, kernel, out=out), members)
    powers = 2 * (
        per_market(lambda: np.exp(x, out=out), members) + per_market(lambda: np.log(x, out=out), members)
    )
    floor = (products + powers) * used
    image = np.empty_like(w)
    one = per_market(lambda: sweeper.sweep(w, image), members)
    ours = per_market(lambda: sweeper.frame.kernel.forward(sweeper.row, sweeper.z), members)
    ours += per_market(lambda: sweeper.frame.kernel.backward(sweeper.pull, sweeper.row_pull), members)
    arrived = per_market(lambda: mix(sweeper, w, core.AIM * case.tolerance), members)
    whole = per_market(case.clear, members)
    return [
        Figure("sweeps and mixing alone, per market", arrived, "us"),
        Figure("floor of the sweeps used (two products, two exp, two log each)", floor, "us"),
        Figure("sweeps and mixing over the floor", arrived / floor, "ratio", must=9, aim=5),
        Figure("whole clearing over the same floor", whole / floor, "ratio", must=9, aim=5),
        Figure("share of clearing: products", ours * used / whole, "share"),
        Figure("share of clearing: powers and the rest of a sweep", (one - ours) * used / whole, "share"),
        Figure("share of clearing: mixing, stopping", (arrived - one * used) / whole, "share"),
        Figure("share of clearing: inputs, scaling, quotes, certificate", 1 - arrived / whole, "share"),
        Figure(
            "arrays of the batch's size allocated per sweep",
            arrays_per_sweep(sweeper, w, core.AIM * case.tolerance),
            "",
            must=0,
            aim=0,
        ),
    ]


def growth() -> list[Figure]:
    """How time grows with members and with the side of a market: the same markets in every size."""
    large = batch(10_000)
    members = [1000, 2000, 5000, 10_000]
    seconds = [median_seconds(large.first(m).clear) for m in members]
    ratio = (seconds[-1] / members[-1]) / (seconds[0] / members[0])
    sides = [10, 20, 40, 80, 160]
    by_side = [median_seconds(batch(200, side=n).clear) for n in sides]
    return [
        Figure("per market, batch of 10,000 over 1,000", ratio, "ratio", 1.1, 1.03),
        Figure("exponent in members", exponent(members, seconds), "", 1.03),
        Figure("exponent in the side of a market, 10 to 160", exponent(sides, by_side), "", 2.1),
    ]


def main() -> None:
    """Measure and publish."""
    scarce, slack = batch(1000), batch(1000, scarcity=0.8)
    result = scarce.clear()
    ours = per_market(scarce.clear, 1000)
    figures = [
        *rivals(scarce, ours),
        Figure("shared kernel, scarce (demand 1.1 of supply), per market", ours, "us", 14, 7),
        Figure("shared kernel, slack (0.8), per market", per_market(slack.clear, 1000), "us", 14, 7),
        Figure("p99 residual", float(np.quantile(result.residual, 0.99)), "", 1e-6),
        Figure("sweeps, mean", float(result.iterations.mean()), ""),
        Figure("not certified", float((~result.certified).sum()), "markets", 0),
        Figure("a kernel for each member, per market", own_kernels(1000), "us", 30, 18),
    ]

    def cold() -> Clearing:
        return clear(scarce.market, *scarce.inputs, tolerance=1e-6)

    capped = batch(1000, caps=3)
    figures += [
        Figure("cold start, per market", per_market(cold, 1000), "us", 40, 20),
        Figure("cold start, p99 residual", float(np.quantile(cold().residual, 0.99)), "", 1e-6),
        Figure("with three quotas, per market", per_market(capped.clear, 1000), "us", 60, 30),
        Figure("with three quotas, share of them binding", float((capped.clear().rent > 0).mean()), "share"),
    ]

    def single() -> Clearing:
        return scarce.clear(precision="single")

    figures += [
        Figure("single precision, to 2e-5, per market", per_market(single, 1000), "us"),
        Figure("single precision, largest residual", float(single().residual.max()), "", 2e-5),
    ]
    edge = batch(1000, scarcity=1.0)
    figures += [
        Figure("knife edge (demand equals supply), per market", per_market(edge.clear, 1000), "us"),
        Figure("knife edge, not certified", float((~edge.clear().certified).sum()), "markets", 0),
    ]

    whole_batch = core.BATCH_ELEMENTS
    core.BATCH_ELEMENTS = 10**9  # the parts are measured on one batch
    sweeper, w = sweeper_of(scarce)
    figures += parts(scarce, sweeper, w, float(result.iterations.mean()))
    core.BATCH_ELEMENTS = whole_batch

    figures += growth()
    for count, caps, bound_ms in ((1, 0, 8.0), (1, 5, None), (50, 0, 80.0), (50, 5, None)):
        name = f"one step of 50 goods to 1e-9, members {count}, quotas {caps}"
        figures.append(Figure(name, world_step(count, caps), "ms", bound_ms))
    publish("clearing", figures)
    print(
        "The exact solvers answer another question, the least-cost limit, where buyers switch without "
        "hesitation;\nthe share of tonnes that flow otherwise says how far that lies from the smooth answer."
    )


if __name__ == "__main__":
    main()
