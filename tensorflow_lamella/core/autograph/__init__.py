"""AutoGraph: Python's `if`, `while`, `for`, `and` over tensors, in functions that are compiled.

`converted(f)` is `f` made anew from its source, with every such statement turned into a call of
`operators`, which decide when they run: where numbers are known, Python goes on as it did; where a
tensor is traced, the branches and loops become those of the engine.
"""

from tensorflow_lamella.core.autograph.convert import converted, do_not_convert

__all__ = ["converted", "do_not_convert"]
