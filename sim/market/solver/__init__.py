"""How a clearing is found: sweeps first, Newton's method where they do not arrive."""
