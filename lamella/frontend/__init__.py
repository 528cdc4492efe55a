"""From Python to Programs: Tracers that answer NumPy's protocols."""
