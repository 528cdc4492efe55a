"""`lamella run` and `lamella check` of programs for TensorFlow, as a user meets them."""

from __future__ import annotations

import gzip
import json
import struct

import numpy as np

from lamella import scripts

NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Title"]},
        {"cell_type": "code", "source": ["!pip install keras\n", "import tensorflow as tf"]},
        {"cell_type": "code", "source": "%%time\nx = tf.constant([1., 2.])\nx.shape"},
        {"cell_type": "code", "source": "%%bash\nls"},
        {"cell_type": "code", "source": "y = 1\ny + 41;"},
        {"cell_type": "code", "source": "print(int(tf.reduce_sum(x)))\ny + 41"},
    ],
    "nbformat": 4,
}


def test_tensorflow_is_ours_where_a_program_asks_for_it(run):
    out = run("import tensorflow as tf; print(tf.__version__, tf.keras.__name__)")
    assert out == "2.9.0+lamella keras\n"


def test_nothing_is_imported_for_a_program_without_it(run):
    out = run("import sys; print([m for m in ('keras', 'tensorflow') if m in sys.modules])")
    assert out == "[]\n"


def test_real_tensorflow_is_left_alone(run, tmp_path):
    package = tmp_path / "tensorflow"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = 'the real one'")
    (package / "keras.py").write_text("origin = 'its own'")
    program = "import tensorflow, tensorflow.keras as k; print(tensorflow.__version__, k.origin)"
    assert run(program, "--tensorflow", "real") == "the real one its own\n"


def test_notebook(run):
    out = run(json.dumps(NOTEBOOK), name="book.ipynb")
    assert out.splitlines() == ["TensorShape([2])", "3", "42"]


def test_error_in_a_notebook_names_the_cell(run):
    book = {"cells": [{"cell_type": "code", "source": "x = 1"},
                      {"cell_type": "code", "source": "y = 2\nx / 0"}]}  # fmt: skip
    out = run(json.dumps(book), name="book.ipynb", fails=True)
    assert 'book.ipynb[2]", line 2' in out
    assert "x / 0" in out


def test_what_is_no_notebook_is_refused(run):
    assert "is not a notebook" in run("{}", name="book.ipynb", fails=True)


def test_lines_for_notebooks_in_a_script(run):
    out = run("""
        !pip install tensorflow
        %matplotlib inline
        text = '''
        !not a command
        '''
        print("%d"
              % 3, text.strip())
        print?
        for i in range(2):
            !ls
            %time print(i)
    """)
    assert out.splitlines() == ["3 !not a command", "0", "1"]


def test_what_is_left_out_is_told():
    notes = []
    assert scripts.as_python("!ls\n%matplotlib inline\nx = 1", "p.py", notes.append).endswith(
        "x = 1"
    )
    assert notes == ["p.py:1: left out: !ls"]


def test_commands_over_several_lines_and_imports_from_the_future_behind_them():
    """Guides that convert models on the command line; notebooks of courses since Python 2."""
    text = "%matplotlib inline\n!convert a \\\n   b\nfrom __future__ import division\nx = 1"
    python = scripts.as_python(text, "p.py", lambda message: None)
    assert python.split("\n")[3:] == ["from __future__ import division", "x = 1"]
    exec(compile(python, "p.py", "exec"))


def test_a_cell_may_be_indented_as_a_whole(tmp_path):
    """Lines that were pasted into a notebook with a blank in front of them."""
    source = ["  for i in range(2):\n", "      print(i)\n", "  print('end')"]
    cells = [{"cell_type": "code", "source": source}]
    (part,) = scripts.parts("n.ipynb", json.dumps({"cells": cells}).encode(), print)
    compile(part.source, part.name, "exec")
    assert str(part.source).startswith("for i")


def test_a_syntax_error_is_that_of_the_program(run):
    out = run("x = 1\ny = = 2\n", fails=True)
    assert "line 2" in out
    assert "SyntaxError" in out


def test_output_of_the_shell_is_refused(run):
    assert "subprocess.run" in run("files = !ls\n", fails=True)


def test_missing_symbol_names_line_and_neighbours(run):
    out = run("import tensorflow as tf\n\ntf.math.reduce_sums([1])\n", fails=True)
    assert "tf.math.reduce_sums is not part of TensorFlow on Lamella" in out
    assert "program.py:3" in out
    assert "tf.math.reduce_sum" in out.partition("nearest")[2]


def test_check_lists_without_running(run):
    out = run("""
        import tensorflow as tf
        import tensorflow_hub as hub
        from tensorflow.keras import layers
        raise SystemExit("this runs")
        K = tf.keras.backend
        tf.raw_ops.Add(x=1, y=2)
        layers.Dense(3, unitz=4)
        layers.Convolution2D(3, 3, 3)
        K.foldl(None, None)
        tf.distribute.TPUStrategy()
    """, command="check", fails=True)  # fmt: skip
    lines = [line for line in out.splitlines() if "program.py:" in line]
    assert [line.partition("program.py:")[2].partition(":")[0] for line in lines[:-1]] == [
        "3", "7", "8", "10", "11",
    ]  # fmt: skip
    assert "'unitz'; the nearest are units" in out
    assert "keras.ops.scan" in out
    assert "5 unsupported found" in out


def test_check_tells_of_a_missing_module_once(run):
    out = run("""
        from tensorflow.contrib.boosted_trees.proto import learner_pb2 as learner
        config = learner.LearnerConfig()
        config.mode = learner.LearnerConfig.LAYER_BY_LAYER
    """, command="check", fails=True)  # fmt: skip
    assert "1 unsupported found" in out


def test_check_of_what_is_supported(run):
    out = run("""
        import tensorflow as tf
        from keras.layers.core import Dense
        x = tf.placeholder(tf.float32, [None, 3])
        Dense(output_dim=3, init='uniform')
    """, command="check")  # fmt: skip
    assert "nothing unsupported found" in out


def test_check_of_names_that_the_program_gives_to_tensorflow(run):
    """A course keeps its model in `tf.model`."""
    program = """
        import tensorflow as tf
        from tensorflow.contrib.keras.api.keras.layers import Dense
        tf.model = tf.keras.Sequential([Dense(1)])
        tf.model.compile("sgd", "mse")
        print(tf.model.built)
    """
    assert "nothing unsupported found" in run(program, command="check")
    assert run(program) == "False\n"


def test_get_file_of_mnist(run, tmp_path):
    """tf.keras.utils.get_file('mnist.npz', url): the file that comes with Lamella is put there."""
    out = run(f"""
        import numpy as np
        import tensorflow as tf
        path = tf.keras.utils.get_file('mnist.npz', 'https://0.0.0.0/', cache_dir='{tmp_path}')
        with np.load(path) as data:
            print(data['x_train'].shape, data['y_test'][:3], path.startswith('{tmp_path}'))
    """)
    assert out == "(60000, 28, 28) [7 2 1] True\n"


# -- MNIST as TensorFlow 1 loaded it ------------------------------------------------------------

INPUT_DATA = "from tensorflow.examples.tutorials.mnist import input_data\nimport numpy as np\n"


def test_input_data(run):
    run(
        INPUT_DATA
        + """
mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)
assert mnist.train.images.shape == (55000, 784) and mnist.train.images.dtype == np.float32
assert mnist.train.labels.shape == (55000, 10) and mnist.validation.num_examples == 5000
assert mnist.test.images.max() == 1.0
x, y = mnist.train.next_batch(100)
assert x.shape == (100, 784) and (y.sum(axis=1) == 1).all()
plain = input_data.read_data_sets("x", reshape=False, validation_size=1000, dtype=np.uint8)
assert plain.train.images.shape == (59000, 28, 28, 1) and plain.train.images.dtype == np.uint8
assert plain.test.labels[:3].tolist() == [7, 2, 1]
"""
    )


def test_next_batch_shows_every_row_once_an_epoch(run):
    run(
        INPUT_DATA
        + """
rows = np.arange(10).repeat(4).reshape(10, 2, 2, 1).astype(np.uint8)
data = input_data.DataSet(rows, np.arange(10), dtype=np.uint8, seed=0)
seen = np.concatenate([data.next_batch(4)[1] for _ in range(5)])
assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
assert data.epochs_completed == 1 and seen[:10].tolist() != list(range(10))
again = input_data.DataSet(rows, np.arange(10))
x, y = again.next_batch(6, shuffle=False)
assert y.tolist() == [0, 1, 2, 3, 4, 5] and np.allclose(x[3], 3 / 255)
"""
    )


def idx(array):
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def test_files_of_the_user_win(run, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name, array in {
        "train-images-idx3-ubyte": np.full((30, 28, 28), 51),
        "train-labels-idx1-ubyte": np.arange(30) % 10,
        "t10k-images-idx3-ubyte": np.zeros((5, 28, 28)),
    }.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    program = INPUT_DATA + "d = input_data.read_data_sets('data', validation_size=10)\n"
    assert "t10k-labels-idx1-ubyte.gz" in run(program, fails=True)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.arange(5)))
    run(program + "assert d.train.num_examples == 20 and np.allclose(d.train.images, 0.2)\n"
        "assert d.test.labels.tolist() == [0, 1, 2, 3, 4]\n")  # fmt: skip


def test_csv_files(run, tmp_path):
    (tmp_path / "a.csv").write_text("2,2,a,b\n1.5,2.5,0\n3.5,4.5,1\n")
    run("""
        import numpy as np, tensorflow as tf
        base = tf.contrib.learn.datasets.base
        d = base.load_csv_with_header('a.csv', target_dtype=int, features_dtype=np.float32)
        assert d.data.tolist() == [[1.5, 2.5], [3.5, 4.5]] and d.target.tolist() == [0, 1]
    """)
