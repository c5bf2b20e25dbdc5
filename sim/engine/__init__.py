"""The simulation loop: policy, market and agents in nine calls a step."""

from sim.engine.simulation import Decisions, Simulation

__all__ = ["Decisions", "Simulation"]
