"""What instruments that act on projects share: which mines and plants to be they mean."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from sim.errors import did_you_mean
from sim.instruments.base import Instrument
from sim.instruments.words import Countries, Goods, Stages, WordError, joined, select_goods
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray, World

__all__ = ["ProjectMeasure", "ProjectName", "Projects"]


_SHOWN = "'monazite list projects' shows all; a list under 'world.projects' must hold it"


def _project(value: object, info: ValidationInfo) -> str:
    word, labels = str(value), (info.context or {}).get("labels")
    if not isinstance(labels, Labels):
        return word
    if not labels.projects:
        raise WordError(
            f"'{word[:60]}' is no project of this world, which has none", "write 'world: {projects: all}'"
        )
    if word not in labels.projects:
        say = did_you_mean(word, sorted(labels.projects)) or _SHOWN
        raise WordError(f"unknown project '{word[:60]}'", say)
    return word


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


_SCHEMA = WithJsonSchema({"$monazite": "project", "type": "string"})
ProjectName = Annotated[str, BeforeValidator(_project), _SCHEMA]
Projects = Annotated[
    tuple[ProjectName, ...],
    BeforeValidator(_listed),
    WithJsonSchema({"$monazite": "projects", "type": "string"}),
]


class ProjectMeasure(Instrument):
    """What happens to projects: those that are named, or those of some hosts, owners and goods."""

    projects: Annotated[
        Projects | None, Field(description="names of projects; all that fit if left out")
    ] = None
    countries: Annotated[Countries | None, Field(description="hosts", examples=["USA"])] = None
    owners: Annotated[Countries | None, Field(description="countries of the owners", examples=["CHN"])] = None
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes")] = ("all",)
    stages: Annotated[Stages | None, Field(description="only these stages")] = None

    def model_post_init(self, context: object, /) -> None:
        """Some projects must be meant."""
        if self.projects is None and self.countries is None and self.owners is None:
            raise WordError(
                "none of 'projects', 'countries' and 'owners' is given",
                "write for example 'countries: [USA]'",
            )
        super().model_post_init(context)

    def turns(self, now: dt.date) -> set[dt.date]:
        """None: the market of tomorrow does not change with it, only what is built for it."""
        return set()

    def where_to_look(self, labels: Labels) -> str:
        """What to check, first of all whether the world has projects."""
        return super().where_to_look(labels) if labels.projects else "write 'world: {projects: all}'"

    def which(self) -> str:
        """The projects, in words."""
        named = joined([name.replace("_", " ") for name in self.projects or ()])
        goods = self.say_goods(self.goods, self.stages)
        whole = named or f"projects of {goods}"
        if named and self.goods != ("all",):
            whole = f"{named} ({goods})"
        place = f" in {self.say_countries(self.countries)}" if self.countries else ""
        owned = f" owned from {self.say_countries(self.owners)}" if self.owners else ""
        return f"{whole}{place}{owned}"

    def mask(self, controls: Controls) -> BoolArray:
        """(J,) projects concerned: all that is named must hold."""
        import numpy as np

        world = controls.world
        of_offer = world.project_of_offer
        count = len(world.projects)
        goods = self.good_indices(world, self.goods, self.stages)
        chosen = np.isin(world.offer_good, goods) & (of_offer >= 0)
        if self.countries is not None:
            chosen &= self.country_mask(world, self.countries)[world.offer_country]
        mask = np.bincount(of_offer[chosen], minlength=count) > 0
        if self.projects is not None:
            mask &= np.array([one.facility in self.projects for one in world.projects], dtype=bool)
        if self.owners is not None:
            mask &= self.owned(world, self.owners)
        return mask

    @staticmethod
    def owned(world: World, words: Sequence[str]) -> BoolArray:
        """(J,) projects whose owners are in the countries that words name."""
        import numpy as np

        codes = {code for word in words for code in world.groups.get(word, (word,))}
        owners = [one.owner_country in codes or "world" in codes for one in world.projects]
        return np.array(owners, dtype=bool)

    def touch(self, controls: Controls) -> BoolArray:
        """Book the offers of the projects concerned; (J,) these."""
        import numpy as np

        mask = self.mask(controls)
        world = controls.world
        at = world.project_of_offer
        offers = np.zeros(len(at), dtype=bool)
        known = at >= 0
        offers[known] = mask[at[known]]
        controls.touched_offers[self.id] = offers
        return mask

    def touches(self, labels: Labels) -> bool:
        """Whether any project is meant."""
        goods = {labels.goods[i].id for i in select_goods(labels.goods, self.goods, self.stages or ())}
        made: dict[str, set[str]] = {}
        for good, facility in labels.output:
            made.setdefault(facility, set()).add(good)
        hosts = None if self.countries is None else {c for w in self.countries for c in labels.group(w)}
        owners = None if self.owners is None else {c for w in self.owners for c in labels.group(w)}
        return any(
            (self.projects is None or name in self.projects)
            and (hosts is None or labels.facilities[name].country in hosts)
            and (owners is None or owner in owners)
            and bool(made.get(name, set()) & goods)
            for name, owner in labels.projects.items()
        )
