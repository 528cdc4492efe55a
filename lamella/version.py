"""The one place that states the version; the wheel's metadata reads it from here."""

__version__ = "0.1.0"
