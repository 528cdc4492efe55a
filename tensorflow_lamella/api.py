"""Importing this module defines every public name: see tensorflow_lamella.names."""

