"""Magnetic fields, the Lorentz equation and its integration: one copy for generator, physics losses and benchmarks."""
