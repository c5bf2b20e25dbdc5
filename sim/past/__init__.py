"""The model against the past: episodes, scores, and the search for parameters that they speak for."""
