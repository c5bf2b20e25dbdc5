"""Figures of speed and memory, each beside the bound that it has to keep.

``make bench`` runs every module here that has a ``main``. Timings are measured here and never in the
tests, because a test that depends on the machine's load fails for no reason.
"""
