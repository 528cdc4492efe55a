"""What Keras can compute, name by name, for comparing backends: see tools/reference_catalogue.py.

cases       what a case is
draws       random numbers that all backends share
ops, layers, training    the cases
"""

from catalogue import layers, ops, training
from catalogue.cases import CASES, OUTSIDE, Case, generator, lookup

__all__ = ["CASES", "OUTSIDE", "Case", "generator", "layers", "lookup", "ops", "training"]
