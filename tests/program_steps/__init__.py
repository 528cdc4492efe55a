"""The steps by which a random Program grows (tests/programs.py): each emits a few equations into a
Sketch and returns Values for its pool, or None where nothing there fits."""

from program_steps import contraction, control, elementwise, folds, indexing, views

#: Every step, the more frequent ones more than once.
STEPS = [
    *elementwise.STEPS * 3,
    *views.STEPS * 2,
    *folds.STEPS * 2,
    *contraction.STEPS,
    *indexing.STEPS,
    *control.STEPS,
]
