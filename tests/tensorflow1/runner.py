"""Runs programs one after the other as `lamella run` does; prints a line of JSON for each."""

import contextlib
import io
import json
import random
import runpy
import sys
import traceback

import numpy as np

import tensorflow_lamella

tensorflow_lamella.install()


def run(path: str) -> dict:
    """What the program printed, and the error that ended it or None."""
    from tensorflow_lamella.v1 import mode
    from tensorflow_lamella.v1.graph import get_default_graph

    mode.reset()
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 (programs of those years draw from it)
    get_default_graph().seed = 0
    printed, error = io.StringIO(), None
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as end:
            error = None if not end.code else f"SystemExit: {end.code}"
        except BaseException:
            error = traceback.format_exc()
    return {"path": path, "error": error, "printed": printed.getvalue()}


if __name__ == "__main__":
    import tensorflow  # noqa: F401 (defines the names)

    for argument in sys.argv[1:]:
        sys.argv = [argument]
        print(json.dumps(run(argument)), flush=True)
