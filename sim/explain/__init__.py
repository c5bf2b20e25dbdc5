"""Why a run went as it did: each event's part, from runs of the same seeds without it, and the chain."""
