"""Runs programs one after the other as `lamella run` does, in one process; prints a line for each.

Each line is JSON: the program, and the error that ended it or null.
"""

import json
import os
import sys
import tempfile
import traceback

os.environ["LAMELLA_NUM_THREADS"] = "1"

from lamella import cli


def main(paths):
    cli.select_engine(cli._parser(cli.run), "lamella")
    cli.bridge_old_names()
    out, sys.stdout = sys.stdout, sys.stderr  # what the programs print
    for path in paths:
        os.chdir(tempfile.mkdtemp())
        error = run(path)
        print(json.dumps([path, error]), file=out, flush=True)


def run(path):
    """The program in a namespace of its own, with the same draws each time; the error as text."""
    import keras

    keras.utils.set_random_seed(0)
    try:
        with open(path, "rb") as file:
            cli.run_script(path, file.read(), [])
    except BaseException:
        return traceback.format_exc()
    finally:
        sys.modules.pop("__main__", None)
        forget()
    return None


def forget():
    """Let the next program begin as in a process of its own."""
    if "keras" in sys.modules:
        import keras

        keras.utils.clear_session()
    if "tensorflow_lamella.v1.mode" in sys.modules:
        from tensorflow_lamella.v1 import mode

        mode.reset()


if __name__ == "__main__":
    main(sys.argv[1:])
