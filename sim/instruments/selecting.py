"""Which goods, countries and links the words of an event mean: said in sentences, and as masks of a world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, PrivateAttr

from sim.instruments.words import joined, links_between, select_goods, spoken
from sim.units import Amount
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray, IntArray, World

__all__ = ["Selecting", "base_tonnes", "origins", "where_any"]


class Selecting(BaseModel):
    """What an event's words select. Labels give names to its sentences; without them codes stand there."""

    _labels: Labels | None = PrivateAttr(default=None)

    def say_countries(self, words: Sequence[str]) -> str:
        """Country codes and groups as words of a sentence."""
        return spoken(words, self._labels.countries if self._labels else None)

    def say_goods(self, goods: Sequence[str], stages: Sequence[str] | None) -> str:
        """Goods, with the stages in brackets where they are named."""
        known = self._labels.goods if self._labels else ()
        # NdFeB stays NdFeB; other names start small inside a sentence.
        names = {
            good.id: good.name if any(c.isupper() for c in good.name.split()[0][1:]) else _small(good.name)
            for good in known
        }
        # A code alone says nothing; whether it means all of a good, does.
        for word in goods:
            if word.isdigit():
                meant = [names[known[k].id] for k in select_goods(known, (word,), stages or ())]
                names[word] = f"HS {word} ({joined(meant)})" if meant else f"HS {word}"
        return spoken(goods, names) + (f" ({', '.join(stages)})" if stages else "")

    def where_to_look(self, labels: Labels) -> str:
        """What to check where an event touches nothing in a world."""
        return "check countries, goods and stages"

    def good_indices(self, world: World, goods: Sequence[str], stages: Sequence[str] | None) -> IntArray:
        """(n,) positions of the selected goods of the world."""
        import numpy as np

        return np.array(select_goods(world.goods, goods, stages or ()), dtype=np.int64)

    def country_mask(self, world: World, words: Sequence[str]) -> BoolArray:
        """(C,) True for the countries that the words name."""
        import numpy as np

        codes = {code for word in words for code in _expand(world, word)}
        return np.array([code in codes for code in world.countries])

    def link_mask(
        self,
        controls: Controls,
        goods: Sequence[str],
        stages: Sequence[str] | None,
        own: Sequence[str],
        others: Sequence[str],
        *,
        own_exports: bool = True,
    ) -> BoolArray:
        """(G, C, C) cross-border links between own and other countries, never domestic ones."""
        import numpy as np

        world = controls.world
        position = {code: i for i, code in enumerate(world.countries)}
        mask = controls.no_links()
        chosen = self.good_indices(world, goods, stages)
        for mine, theirs in links_between(own, others, lambda word: _expand(world, word)):
            here = np.array([position[c] for c in mine], dtype=np.int64)
            there = np.array([position[c] for c in theirs], dtype=np.int64)
            mask |= controls.links(chosen, *((here, there) if own_exports else (there, here)))
        return mask

    def traded(
        self,
        labels: Labels,
        goods: Sequence[str],
        stages: Sequence[str] | None,
        own: Sequence[str],
        others: Sequence[str],
        *,
        own_exports: bool = True,
    ) -> bool:
        """Whether any of these links carried trade in the base year."""
        pairs = [(set(a), set(b)) for a, b in links_between(own, others, labels.group)]
        for i in select_goods(labels.goods, goods, stages or ()):
            for (exporter, importer), tonnes in labels.trade(labels.goods[i].id).items():
                mine, theirs = (exporter, importer) if own_exports else (importer, exporter)
                if tonnes > 0 and mine != theirs and any(mine in a and theirs in b for a, b in pairs):
                    return True
        return False


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]


def _expand(world: World, word: str) -> tuple[str, ...]:
    if word == "world":
        return world.countries
    if word in world.groups:
        return tuple(code for code in world.groups[word] if code in world.countries)
    return (word,) if word in world.countries else ()


def where_any(mask: BoolArray, amount: Amount) -> BoolArray:
    """A mask if an amount, one number or (M,), is above 0 in any member; else nothing of it."""
    import numpy as np

    return mask & bool(np.any(np.greater(amount, 0)))


def origins(mask: BoolArray) -> Iterator[tuple[int, int, BoolArray]]:
    """Good, origin and (C,) destinations of the links in a (G, C, C) mask, one by one."""
    import numpy as np

    for good, origin in np.argwhere(mask.any(2)).tolist():
        yield good, origin, mask[good, origin]


def base_tonnes(
    world: World, mask: BoolArray, offers: BoolArray | None = None
) -> dict[tuple[int, int], float]:
    """(good, origin) -> base-year tonnes per year on the links in a (G, C, C) mask, by some (O,) offers."""
    import numpy as np

    totals = {}
    for good, origin, destinations in origins(mask):
        sellers, buyers = world.link_countries(good)
        from_there = sellers == origin
        if offers is not None:
            from_there &= offers[world.offer_slice(good)]
        totals[good, origin] = float(world.base_flow[good][np.ix_(from_there, destinations[buyers])].sum())
    return totals
