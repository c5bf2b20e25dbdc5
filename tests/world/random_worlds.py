"""Random small worlds: a chain of goods, a few countries, some facilities that stand still."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from tests.engine_events import Restriction
from tests.world_sketch import COUNTRIES, GoodSketch, Sketch

KINDS = ("ban", "quota", "licence", "tariff", "output cut")
ELEMENTS = ("NdPr", "Dy", "Other")


@dataclass
class _Maker:
    """Makes one world; every choice comes from one generator."""

    random: np.random.Generator
    sketch: Sketch

    def some(self, least: int, most: int) -> int:
        return int(self.random.integers(least, most + 1))

    def often(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def facility(self, kind: str) -> str:
        """A new facility somewhere."""
        name = f"{kind}_{len(self.sketch.country)}"
        self.sketch.country[name] = str(self.random.choice(self.sketch.countries))
        if self.often(0.3):
            self.sketch.cash[name] = (None, 0.0, 1.2)[self.some(0, 2)]
        return name

    def tonnes(self) -> float:
        return float(10 ** self.random.uniform(-1, 3))

    def trade(self, good: str, makers: list[str], takers: list[str], traders: list[str]) -> None:
        """Flows in which every maker sells, every taker buys, and traders pass on what they buy."""
        bought = dict.fromkeys(traders, 0.0)
        for buyer in (*takers, *traders):
            sure = self.some(0, len(makers) - 1)
            for place, maker in enumerate(makers):
                if place == sure or self.often(0.5):
                    amount = self.tonnes()
                    self.sketch.flow(good, maker, buyer, amount)
                    if buyer in bought:
                        bought[buyer] += amount
        for maker in makers:
            if all(seller != maker for g, seller, _ in self.sketch.flows if g == good):
                self.sketch.flow(good, maker, takers[self.some(0, len(takers) - 1)], self.tonnes())
        for trader, amount in bought.items():
            self.sketch.flow(good, trader, takers[self.some(0, len(takers) - 1)], amount)

    def stands_still(self, good: str, inputs: list[str], stated: bool) -> None:
        """A mine, or a plant that would take the inputs, that makes nothing yet."""
        name = self.facility("plant" if inputs else "mine")
        self.sketch.later[name, good] = self.tonnes()
        self.sketch.waiting += [(name, taken) for taken in inputs]
        if stated:
            self.sketch.at_capacity |= {(name, taken): self.tonnes() for taken in inputs}
        if not inputs and self.sketch.goods[good].basket:
            self.sketch.composition[name, good] = self.mix()

    def mix(self) -> tuple[float, ...]:
        return tuple(self.random.dirichlet(np.full(len(ELEMENTS), 3.0)) * 0.9 + 0.1 / len(ELEMENTS))


def random_sketch(seed: int) -> Sketch:
    """A world of one to four goods; each is made of the ones before it, the first is mined."""
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 5))
    basket = count > 1 and bool(random.random() < 0.4)
    names = [f"good_{k}" for k in range(count)]
    goods = {
        name: GoodSketch(
            float(10 ** random.uniform(2, 6)), f"mineral_{k // 2}", basket=basket and k == 0,
            element="Dy" if basket and k == 1 else "",
        )
        for k, name in enumerate(names)
    }  # fmt: skip
    others = [code for code in COUNTRIES if code != "CHN"]
    countries = ("CHN", *(str(c) for c in random.choice(others, random.integers(0, 4), replace=False)))
    maker = _Maker(random, Sketch(goods, {}, countries=countries))
    sketch = maker.sketch
    if count > 2 and not basket and maker.often(0.5):
        sketch.substitutes = dict.fromkeys(names[:2], "either")
    inputs = {name: _inputs(maker, names, k) for k, name in enumerate(names)}
    kinds = {name: "plant" if inputs[name] else "mine" for name in names}
    makers = {name: [maker.facility(kinds[name]) for _ in range(maker.some(1, 3))] for name in names}
    for k, name in enumerate(names):
        takers = [plant for made in names for plant in makers[made] if name in inputs[made]]
        if k == count - 1 or not takers or maker.often(0.3):
            takers += [maker.facility("users") for _ in range(maker.some(1, 3))]
        maker.trade(name, makers[name], takers, [maker.facility("trader") for _ in range(maker.some(0, 1))])
        if goods[name].basket:
            sketch.composition |= {(mine, name): maker.mix() for mine in makers[name]}
    for name in names:
        for _ in range(maker.some(0, 2)):
            maker.stands_still(name, inputs[name], stated=maker.often(0.3))
        if maker.often(0.3):
            trader = maker.facility("trader")
            sketch.later[trader, name] = maker.tonnes()
            sketch.waiting.append((trader, name))
    if maker.often(0.2):
        _add_new_chain(maker, names[-1])
    for name in names:
        if maker.often(0.4):
            ends = [str(code) for code in random.choice(countries, 2)]
            sketch.tariffs[name, ends[0], ends[1]] = float(random.uniform(0, 0.5))
    return sketch


def _inputs(maker: _Maker, names: list[str], place: int) -> list[str]:
    """Goods of which one is made: the one before it, and at times others; none for what is mined."""
    substitutes = maker.sketch.substitutes
    if place == 0 or names[place] in substitutes:
        return []
    others = [name for name in names[: place - 1] if name in substitutes or maker.often(0.3)]
    return [*others, names[place - 1]]


def _add_new_chain(maker: _Maker, product: str) -> None:
    """A good that nobody makes yet, and a plant that would make one of it that others make already."""
    maker.sketch.goods["good_new"] = GoodSketch(maker.tonnes(), "mineral_new")
    maker.stands_still("good_new", [], stated=False)
    maker.stands_still(product, ["good_new"], stated=True)


def random_event(seed: int, sketch: Sketch, start: dt.date) -> Restriction:
    """Something that China does."""
    random = np.random.default_rng((seed, 1))
    goods = list(sketch.goods)
    chosen = random.choice(goods, random.integers(1, len(goods) + 1), replace=False)
    return Restriction(
        "event", str(random.choice(KINDS)), tuple(str(good) for good in chosen), start,
        open_share=float(random.choice([0.0, 0.3, 0.9])), rate=float(random.uniform(0, 1)),
    )  # fmt: skip
