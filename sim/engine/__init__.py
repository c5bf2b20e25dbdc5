"""The simulation loop: policy, market and agents in eight calls a step."""

from sim.engine.actors import Decisions
from sim.engine.checkpoint import Checkpoint
from sim.engine.result import StepResult
from sim.engine.simulation import Simulation

__all__ = ["Checkpoint", "Decisions", "Simulation", "StepResult"]
