"""Magnetic fields, one per file: formulas, and maps read from files."""
