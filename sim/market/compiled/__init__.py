"""Clearing by machine code, one market at a time: the option ``engine: compiled``; see docs/clearing.md."""
