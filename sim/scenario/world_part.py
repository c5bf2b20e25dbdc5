"""What a scenario says of its world: where its tables come from, and facilities that are added to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sim.instruments.words import quantity
from sim.paths import shown
from sim.scenario.node import COMMAND_LINE, Node, plain
from sim.units import Quantity
from sim.world.patch import NewFacility
from sim.world.source import PANEL, WorldChoice

__all__ = ["WorldPart", "as_choice", "chosen_world", "world_as_written", "world_field"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)


class Addition(_Part):
    """A mine or plant that did not produce in the base year but could."""

    good: Annotated[str, Field(description="good that it makes", examples=["nickel_ore"])]
    country: Annotated[str, Field(description="where it is", examples=["AUS"])]
    capacity: Annotated[
        Quantity, quantity("mass per year", 0.0, certain=True),
        Field(description="most that it makes", examples=["30 kt/year"]),
    ]
    cash_cost: Annotated[
        Quantity | None,
        quantity("price", 0.0, certain=True),
        Field(description="cost without capital; the middle of others' if left out", examples=["9000 USD/t"]),
    ] = None
    firm: Annotated[str, Field(description="owner; a firm of its own if left out")] = ""
    name: Annotated[str, Field(description="name in words")] = ""
    inputs: Annotated[
        dict[str, Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]],
        Field(description="tonnes of input per tonne of output; as other plants do if left out"),
    ] = Field(default_factory=dict)


def _listed(words: object) -> object:
    return [words] if isinstance(words, str) else words


class WorldPart(_Part):
    """Where the world's tables come from, and what is added to them."""

    from_: Annotated[
        str | None,
        Field(alias="from", description=f"'{PANEL}', or a folder of tables; curated tables if left out"),
    ] = None
    facilities: Annotated[
        dict[str, Addition], Field(description="id -> mine or plant that could produce, but did not")
    ] = Field(default_factory=dict)
    projects: Annotated[
        tuple[str, ...],
        BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
        Field(description="'all', or names of projects that may be built in the run", examples=["all"]),
    ] = ()
    scrap: Annotated[
        tuple[str, ...],
        BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
        Field(description="'all', or what is recovered of goods in use: goods, minerals", examples=["all"]),
    ] = ()


def _whole(written: object) -> object:
    return {"from": written} if isinstance(written, str) else written


world_field = BeforeValidator(_whole, json_schema_input_type=str | WorldPart)
"""A text alone says where the tables come from."""


def chosen_world(node: Node | None) -> WorldChoice | None:
    """The choice that a header states; None where it states none, or none that can be read.

    A folder is looked up beside the file that names it, one on the command line in the current folder.
    """
    written = plain(node) if node is not None else None
    if node is None or written is None:
        return None
    try:
        part = WorldPart.model_validate(_whole(written))
    except ValidationError:
        return None
    return as_choice(part, node)


def as_choice(part: WorldPart, node: Node) -> WorldChoice | None:
    """A part that has been checked, with its folder where it lies; None for one that says nothing."""
    source: str | Path | None = part.from_
    if source is not None and source != PANEL:
        place = node.value.get("from", node) if isinstance(node.value, dict) else node
        file = str(place.place.file)
        beside = Path.cwd() if file == COMMAND_LINE else Path(file).parent
        source = (beside / Path(source).expanduser()).resolve()
    choice = WorldChoice(
        source,
        tuple(
            NewFacility(
                name, one.good, one.country, one.capacity.value,
                one.cash_cost.value if one.cash_cost is not None else None,
                one.firm, one.name, tuple(one.inputs.items()),
            )
            for name, one in part.facilities.items()
        ),
        part.projects,
        part.scrap,
    )  # fmt: skip
    return None if choice == WorldChoice() else choice


def world_as_written(choice: WorldChoice) -> Any:
    """The choice as a scenario file states it."""
    source = shown(choice.source) if isinstance(choice.source, Path) else choice.source
    if not choice.facilities and not choice.projects and not choice.scrap:
        return source
    facilities = {}
    for one in choice.facilities:
        row: dict[str, Any] = {"good": one.good, "country": one.country}
        row["capacity"] = f"{one.capacity_t:.10g} t/year"
        if one.cash_cost_usd_t is not None:
            row["cash_cost"] = f"{one.cash_cost_usd_t:.10g} USD/t"
        row |= {k: v for k, v in (("firm", one.firm), ("name", one.name)) if v}
        facilities[one.id] = {**row, **({"inputs": dict(one.inputs)} if one.inputs else {})}
    whole: dict[str, Any] = {"from": source} if source is not None else {}
    if facilities:
        whole["facilities"] = facilities
    if choice.projects:
        whole["projects"] = list(choice.projects)
    if choice.scrap:
        whole["scrap"] = list(choice.scrap)
    return whole
