"""The model a second time, as Mesa objects in plain loops: what the arrays are held against."""
