"""Programs of earlier years, and the NumPy, SciPy, pandas and Python that they were written for."""

from __future__ import annotations

import importlib.util

import pytest

from tensorflow_lamella.callers import is_library
from tensorflow_lamella.others import advice


def test_names_of_numpy_1(run):
    out = run("""
        import numpy as np
        from numpy import alltrue
        print(np.zeros(2, np.float).dtype, np.array([1], dtype=np.int).dtype, np.NaN, np.Inf)
        print(np.product([2, 3]), np.cumproduct([2, 3]), np.alltrue([1, 0]), alltrue([1, 1]))
        print(np.in1d([[1, 2]], [2]), np.row_stack([[1], [2]]).shape, np.asscalar(np.ones(1)))
        print(np.float_ is np.float64, np.unicode_ is np.str_, np.object is object)
        print(np.cast["int32"]([1.5]), 1 <= np.random.random_integers(2) <= 2, np.math.sqrt(4))
        print(np.lib.pad([1], 1, "constant"), np.str is str, np.infty)
    """)
    assert out.splitlines() == [
        "float64 int64 nan inf",
        "6 [2 6] False True",
        "[False  True] (2, 1) 1.0",
        "True True True",
        "[1] True 2.0",
        "[0 1 0] True inf",
    ]


def test_names_of_numpy_1_are_there_for_the_program_only(run, tmp_path):
    package = tmp_path / "site-packages" / "installed"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import numpy as np\nsees = hasattr(np, 'product')")
    (tmp_path / "neighbour.py").write_text("import numpy as np\nsees = hasattr(np, 'product')")
    out = run("""
        import sys; sys.path.append("site-packages")
        import installed, neighbour
        print(installed.sees, neighbour.sees)
    """)
    assert out == "False True\n"


def test_a_name_that_no_numpy_has_is_an_error_of_numpy(run):
    assert "no attribute 'flot'" in run("import numpy as np\nnp.flot", fails=True)


def test_whose_code_it_is():
    assert is_library(importlib.util.__file__)
    assert is_library(advice.__file__)
    assert is_library(pytest.__file__)
    assert not is_library("/home/me/lamella/program.py")


# -- other packages ------------------------------------------------------------------------------


def test_splits_of_scikit_learn_before_0_20(run):
    pytest.importorskip("sklearn")
    out = run("""
        import numpy as np
        from sklearn.cross_validation import KFold, StratifiedKFold, train_test_split
        from sklearn.grid_search import GridSearchCV
        from sklearn.externals import joblib
        from sklearn.preprocessing import Imputer
        print([len(test) for _, test in KFold(7, n_folds=3)], len(train_test_split([1, 2, 3])))
        y = [0, 0, 1, 1]
        print([sorted(np.array(y)[test]) for _, test in StratifiedKFold(y=y, n_folds=2)])
        print(Imputer(missing_values='NaN', strategy='mean', axis=0).fit_transform(
            [[1.0], [np.nan], [3.0]]).tolist(), joblib.__name__, GridSearchCV.__name__)
    """)
    assert out.replace("np.int64(0)", "0").replace("np.int64(1)", "1").splitlines() == [
        "[3, 2, 2] 2",
        "[[0, 1], [0, 1]]",
        "[[1.0], [2.0], [3.0]] sklearn.externals.joblib GridSearchCV",
    ]


def test_pandas_before_1_and_2(run):
    pytest.importorskip("pandas")
    out = run("""
        import io
        import pandas as pd
        table = pd.read_csv(io.StringIO("1  2\\n3  4"), delim_whitespace=True, header=None)
        print(table.as_matrix().tolist(), table[0].as_matrix().tolist())
        table.columns = ["a", "b"]
        print(table.ix[0, "b"], table.ix[:, 1:].shape, table.ix[0:1].shape)
        print(table.append({"a": 5, "b": 6}, ignore_index=True).shape, table.append(table).shape)
        print(type(pd.read_csv(io.StringIO("x\\n1\\n2"), squeeze=True)).__name__)
    """)
    assert out.splitlines() == [
        "[[1, 2], [3, 4]] [1, 3]", "2 (2, 1) (2, 2)", "(3, 2) (4, 2)", "Series",
    ]  # fmt: skip


def test_images_of_scipy_misc(run):
    pytest.importorskip("PIL")
    out = run("""
        import numpy as np
        import scipy.misc
        from scipy.misc import imresize
        image = np.arange(48, dtype="uint8").reshape(4, 4, 3)
        scipy.misc.imsave("a.png", image)
        print((scipy.misc.imread("a.png") == image).all(), imresize(image, (8, 2)).shape)
        print(imresize(image, 0.5).shape, imresize(np.eye(4), 50).max())
        print(scipy.misc.imread("a.png", flatten=True).dtype, scipy.misc.logsumexp([0.0]))
    """)
    assert out.splitlines() == [
        "True (8, 2, 3)", "(2, 2, 3) 128", "float32 0.0",
    ]  # fmt: skip


def test_figures_without_a_display(run, tmp_path):
    folder = tmp_path / "matplotlib"  # a stand-in that has what is asked for
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import os\nbackends = [os.environ.get('MPLBACKEND')]\n"
        "def use(backend, force=True): backends.append(backend)\n"
    )
    program = "import matplotlib; matplotlib.use('TkAgg'); print(matplotlib.backends)"
    assert run(program, DISPLAY="", WAYLAND_DISPLAY="", PYTHONSAFEPATH="") == "['agg', 'agg']\n"
    out = run(program, DISPLAY=":0", MPLBACKEND="svg", PYTHONSAFEPATH="")
    assert out == "['svg', 'TkAgg']\n"


def test_real_figures_do_not_block(run):
    pytest.importorskip("matplotlib")
    assert run("import matplotlib.pyplot as plt; plt.plot([1]); plt.show(); print(1)") == "1\n"


# -- what to install, what to convert ------------------------------------------------------------


def test_all_missing_packages_are_named_at_once(run):
    out = run("import gensim.models\nimport cv2, numpy\nfrom wordcloud import WordCloud",
              fails=True)  # fmt: skip
    assert "needs cv2, gensim, gensim.models and wordcloud" not in out
    assert "pip install opencv-python-headless gensim wordcloud" in out
    assert "program.py" in out


def test_a_program_that_does_without_a_package_runs(run):
    program = """
        import importlib.util
        try:
            import cv2
        except ImportError as error:
            print(error.name, importlib.util.find_spec("cv2"))
    """
    assert run(program) == "cv2 None\n"


def test_a_package_beside_tensorflow_says_what_to_use(run):
    out = run("import tensorflow as tf\nimport tensorflow_hub as hub", fails=True)
    assert "--tensorflow real" in out
    assert "Colab" not in out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("from google.colab import drive", "leave out"),
        ("import numpy as np; np.ones(2).tostring()", "tobytes()"),
    ],
)
def test_advice(line, words):
    assert words in advice_on(line)


def advice_on(program):
    """The notes of the exception that ends a program."""
    with pytest.raises(Exception) as error:  # noqa: PT011
        exec(program, {})
    advice.advise(error.value, program)
    return "\n".join(getattr(error.value, "__notes__", []))


@pytest.mark.parametrize(
    "line",
    [
        'print "step", 1', "print 'loss %f' % 1.0", "exec 'x = 1'", "raise ValueError, 'x'",
        "try:\n    pass\nexcept ValueError, e:\n    pass", "mode = 0755", "n = 10L", "x = `1`",
        "if 1 <> 2: pass", "for i in xrange(3): pass", "{}.iteritems()", "import cPickle",
        "raw_input()", "print u'', ur'x'",
    ],
)  # fmt: skip
def test_python_2_is_told_and_what_to_do(line):
    assert "this is Python 2" in advice_on(line)
    assert "2to3 -w" in advice_on(line)


def test_a_program_of_python_2(run):
    out = run("import sys\nprint 'x'\n", fails=True)
    assert "program.py" in out
    assert "line 2, \"print 'x'\": this is Python 2" in out


def test_check_tells_of_python_2_and_packages(run):
    out = run("import sys\nprint 'x'\n", command="check", fails=True)
    assert "program.py:2: line 2, \"print 'x'\": this is Python 2" in out
    out = run("import sys\nimport cv2\n", command="check", fails=True)
    assert "program.py:2: cv2 is not installed: pip install opencv-python-headless" in out


@pytest.mark.parametrize("line", ["x = = 1", "undefined", "import a_module_of_mine", "{}.next_one"])
def test_other_errors_have_no_advice(line):
    assert advice_on(line) == ""


def test_axes_and_styles_of_matplotlib_until_3_6(run):
    """Surfaces in books and courses: fig.gca(projection='3d'), plt.style.use('seaborn')."""
    pytest.importorskip("matplotlib")
    out = run("""
        import matplotlib.pyplot as plt
        plt.style.use("seaborn-whitegrid")
        figure = plt.figure()
        axes = figure.gca(projection="3d")
        print(axes.name, figure.gca() is axes, figure.gca(projection="3d") is axes)
    """)
    assert out == "3d True True\n"


def test_nobody_waits_for_keys_without_a_display(run):
    """Tutorials end in plt.waitforbuttonpress(), and plt.pause(1) between their steps."""
    pytest.importorskip("matplotlib")
    out = run("""
        import time
        import matplotlib.pyplot as plt
        plt.plot([1]); start = time.time()
        plt.pause(60); plt.waitforbuttonpress(); print(plt.ginput(2), time.time() - start < 50)
    """)
    assert out == "[] True\n"
