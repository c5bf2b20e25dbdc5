"""Random markets, ordinary and degenerate, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.market import Clearing, ClearingState, Market, clear

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """Goods g with their kernels and caps, and what M members ask of them."""

    offer_good: NDArray[np.int64]
    need_good: NDArray[np.int64]
    kernel: list[Array]
    sigma: Array
    eps: Array
    quantity: Array
    ask: Array
    demand: Array
    reservation: Array
    elasticity: Array
    caps: list[tuple[int, NDArray[np.bool_], NDArray[np.bool_]]] = field(default_factory=list)
    cap_tonnes: Array = field(default_factory=lambda: np.zeros((1, 0)))

    def market(self) -> Market:
        return Market.build(self.offer_good, self.need_good, self.kernel, self.sigma, self.eps, self.caps)

    def arguments(self) -> tuple[Array, Array, Array, Array, Array, Array]:
        return self.quantity, self.ask, self.demand, self.reservation, self.elasticity, self.cap_tonnes

    def clear(
        self, market: Market | None = None, start: ClearingState | None = None, **options: Any
    ) -> Clearing:
        return clear(market or self.market(), *self.arguments(), start=start, **options)

    def with_(self, **changes: Any) -> Case:
        return replace(self, **changes)

    def members(self, which: Any) -> Case:
        return replace(
            self,
            quantity=self.quantity[which],
            ask=self.ask[which],
            demand=self.demand[which],
            reservation=self.reservation[which],
            cap_tonnes=self.cap_tonnes[which],
        )


def random_case(
    rng: np.random.Generator,
    goods: int = 1,
    members: int = 1,
    sellers: tuple[int, int] = (1, 12),
    buyers: tuple[int, int] = (1, 20),
    caps: int = 0,
    sigma: float | None = None,
    closed: float = 0.3,
    idle: float = 0.0,
    content: float = 0.0,
    spread: float = 1.0,
    scarcity: tuple[float, float] = (0.6, 1.2),
) -> Case:
    """A random case.

    Args:
        rng: source of everything.
        closed: share of links closed. idle: share of offers without goods.
        content: share of needs without demand. spread: of log asks, to reach many orders of magnitude.
        scarcity: range of supply over demand.
    """
    sizes = [(int(rng.integers(sellers[0], sellers[1] + 1)), int(rng.integers(buyers[0], buyers[1] + 1)))]
    sizes += [
        (int(rng.integers(sellers[0], sellers[1] + 1)), int(rng.integers(buyers[0], buyers[1] + 1)))
        for _ in range(goods - 1)
    ]
    offer_good = np.repeat(np.arange(goods), [s for s, _ in sizes])
    need_good = np.repeat(np.arange(goods), [b for _, b in sizes])
    sigmas = np.full(goods, sigma) if sigma else rng.choice([2.0, 4.0, 8.0, 16.0], goods)
    level = rng.normal(0, spread, goods)
    kernel = [
        rng.lognormal(0, 1.5, size) * (1 + rng.uniform(0, 0.4, size)) ** -s * (rng.random(size) >= closed)
        for size, s in zip(sizes, sigmas, strict=True)
    ]
    quantity = rng.lognormal(0, 1.5, (members, len(offer_good))) * 10 ** rng.uniform(-3, 6)
    quantity[:, rng.random(len(offer_good)) < idle] = 0
    ask = np.exp(level[offer_good] + rng.normal(0, 0.3 * spread, (members, len(offer_good))))
    demand = rng.lognormal(0, 1, (members, len(need_good), 3))
    for g in range(goods):
        tonnes = quantity[:, offer_good == g].sum(axis=1)
        wanted = demand[:, need_good == g].sum(axis=(1, 2))
        factor = np.where(tonnes > 0, tonnes, quantity.max() + 1.0) / wanted * rng.uniform(*scarcity)
        demand[:, need_good == g] *= factor[:, None, None]
    demand[:, rng.random(len(need_good)) < content] = 0
    reservation = np.exp(level[need_good])[:, None] * np.array([4.0, 1.3, 1.0])
    reservation = reservation * rng.lognormal(0, 0.2, (members, len(need_good), 3))
    case = Case(
        offer_good=offer_good,
        need_good=need_good,
        kernel=kernel,
        sigma=sigmas,
        eps=rng.uniform(1, 6, len(offer_good)),
        quantity=quantity,
        ask=ask,
        demand=demand,
        reservation=reservation,
        elasticity=np.array([0.4, 0.8, 1.6]),
        cap_tonnes=np.zeros((members, 0)),
    )
    return add_caps(rng, case, caps)


def add_caps(rng: np.random.Generator, case: Case, caps: int) -> Case:
    """Caps on random groups, at a random share of the flow without caps."""
    if not caps:
        return case
    free = case.clear()
    groups, tonnes = [], []
    for _ in range(caps):
        good = int(rng.integers(len(case.kernel)))
        shape = case.kernel[good].shape
        sellers = rng.random((shape[0],)) < 0.4
        buyers = rng.random((shape[1],)) < 0.6
        sellers[rng.integers(shape[0])] = buyers[rng.integers(shape[1])] = True
        groups.append((good, sellers, buyers))
        flow = (free.flow(good) * (sellers[:, None] & buyers)).sum(axis=(1, 2))
        tonnes.append(flow * rng.choice([1.5, 0.9, 0.5, 0.1, 0.01]))
    return case.with_(caps=groups, cap_tonnes=np.array(tonnes).T.reshape(len(free.price), caps))


def small_case(rng: np.random.Generator) -> Case:
    """One market of up to three sellers and buyers, often degenerate, one in four under a cap or two."""
    case = random_case(
        rng,
        sellers=(1, 3),
        buyers=(1, 3),
        closed=float(rng.choice([0.0, 0.3, 0.6])),
        idle=float(rng.choice([0.0, 0.3])),
        content=float(rng.choice([0.0, 0.3])),
        spread=float(rng.choice([0.5, 2.0])),
    )
    shape, groups, tonnes = case.kernel[0].shape, [], []
    for _ in range(int(rng.choice([0, 0, 0, 0, 0, 0, 1, 2]))):
        sellers, buyers = rng.random(shape[0]) < 0.5, rng.random(shape[1]) < 0.6
        groups.append((0, sellers, buyers))
        offered = max(case.quantity[0, sellers].sum(), case.quantity.max())
        tonnes.append(offered * rng.choice([1.5, 0.5, 0.1, 0.01]))
    return case.with_(caps=groups, cap_tonnes=np.array([tonnes]).reshape(1, len(groups)))


def merged(cases: Sequence[Case]) -> Case:
    """Markets of one good each as the goods of one case."""
    sizes = [case.kernel[0].shape for case in cases]
    number = np.arange(len(cases))

    def joined(name: str) -> Array:
        return np.concatenate([getattr(case, name) for case in cases], axis=1)

    return cases[0].with_(
        offer_good=np.repeat(number, [s for s, _ in sizes]),
        need_good=np.repeat(number, [b for _, b in sizes]),
        kernel=[case.kernel[0] for case in cases],
        sigma=np.concatenate([case.sigma for case in cases]),
        eps=np.concatenate([case.eps for case in cases]),
        quantity=joined("quantity"),
        ask=joined("ask"),
        demand=joined("demand"),
        reservation=joined("reservation"),
        caps=[(g, s, b) for g, case in enumerate(cases) for _, s, b in case.caps],
        cap_tonnes=joined("cap_tonnes"),
    )


def dominant_case(rng: np.random.Generator, dominance: float, sigma: float, members: int = 1) -> Case:
    """Twenty sellers, the first with ``dominance`` times the rest, under a cap on all but one buyer."""
    case = random_case(rng, members=members, sellers=(20, 20), buyers=(20, 20), sigma=sigma)
    kernel = case.kernel[0]
    kernel[0] = np.maximum(kernel[0], 0.5)
    quantity = case.quantity.copy()
    quantity[:, 0] = dominance * quantity[:, 1:].sum(axis=1)
    demand = case.demand * (quantity.sum(axis=1) / case.demand.sum(axis=(1, 2)))[:, None, None]
    seller, buyers = np.arange(20) == 0, np.arange(20) > 0
    case = case.with_(kernel=[kernel], quantity=quantity, demand=demand)
    free = case.clear().flow(0)[:, 0, 1:].sum(axis=1)
    return case.with_(caps=[(0, seller, buyers)], cap_tonnes=free[:, None])
