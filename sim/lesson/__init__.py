"""A lesson: what a class may change, what the model makes of it, and why. Knows no page and no server."""
