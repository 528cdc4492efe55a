"""The backend's part of Layer: it notices changes, for what has been compiled from layers."""

from __future__ import annotations

from typing import Any

_changes = 0


def changes() -> int:
    """A number that is another one after any attribute of any layer has been set."""
    return _changes


class BackendLayer:
    """What Keras's Layer inherits."""

    def _setattr_hook(self, name: str, value: Any) -> tuple[str, Any]:
        global _changes
        if name not in self.__dict__ or self.__dict__[name] is not value:
            _changes += 1
        return name, value
