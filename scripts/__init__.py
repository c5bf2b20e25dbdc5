"""Programs that make the pictures and tables of the documents: ``python -m scripts.NAME``."""
