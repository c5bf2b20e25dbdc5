"""``new_deposit``: a deposit that nobody may touch is opened, perhaps under another country's control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.project_measures import ProjectMeasure
from sim.instruments.words import CountryWord
from sim.units import Amount

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "NewDeposit"]


class NewDeposit(ProjectMeasure):
    """Opens dormant projects: from now on they may get permits, money and builders.

    With ``control`` they stand under the political risk of that country instead of their host's.
    """

    type: Literal["new_deposit"] = "new_deposit"
    control: Annotated[
        CountryWord | None, Field(description="country that controls it from now on", examples=["USA"])
    ] = None

    def clause(self) -> str:
        """What is opened."""
        under = f", under the control of {self.say_countries((self.control,))}" if self.control else ""
        return f"{self.which()} may be opened{under}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Open them, and change whose risk counts."""
        terms, mask = controls.projects, self.touch(controls)
        terms.put("opened", mask, 1.0, share)
        if self.control is not None:
            risk = controls.world.risk_of(self.control)
            if risk is not None:
                terms.put("risk", mask, risk, share)


INSTRUMENT = NewDeposit
