"""What to do about an error that says a program was written for other packages or another Python.

`advise(error, source)` adds a note to an exception that ends a program; tracebacks show it below
the message.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator

_SAME = (
    "cython gensim gym gymnasium h5py hyperopt imageio imgaug jieba joblib librosa lightgbm "
    "matplotlib moviepy networkx nibabel nltk numba pandas plotly psutil pyarrow pydicom pydot "
    "pygame requests scipy seaborn sentencepiece shap six soundfile spacy statsmodels sympy "
    "tabulate tensorboard termcolor tqdm wordcloud xgboost xlrd"
)
INSTALL = {
    **{name: name for name in _SAME.split()},
    "absl": "absl-py", "attr": "attrs", "bs4": "beautifulsoup4", "cv2": "opencv-python-headless",
    "google.protobuf": "protobuf", "IPython": "ipython", "mpl_toolkits": "matplotlib",
    "PIL": "Pillow", "pylab": "matplotlib", "skimage": "scikit-image", "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}  # fmt: skip
"""Packages that programs import, and what pip calls them."""

REAL = {
    "tensorflow_hub": "its models are read by TensorFlow only: lamella run --tensorflow real",
    "tensorflow_addons": "keras.layers, keras.optimizers and keras.losses have most of it",
    "tensorflow_probability": "keras.random and NumPy",
    "tensorflow_datasets": "keras.datasets, or tf.data.Dataset over files of your own",
    "tensorflow_text": "keras.preprocessing.text.Tokenizer",
    "tflearn": "tf.layers and tf.train",
    "google.colab": "files are in folders here; leave out what mounts, uploads or downloads them",
}
"""Packages beside TensorFlow that need the real one, and what there is instead."""

_MODULES_OF_2 = frozenset(
    "__builtin__ BaseHTTPServer ConfigParser Cookie HTMLParser Queue SocketServer StringIO Tkinter "
    "anydbm cPickle cStringIO commands cookielib httplib thread tkMessageBox urllib2 urlparse "
    "xmlrpclib".split()
)
_NAMES_OF_2 = frozenset(
    "basestring cmp execfile raw_input reduce reload unichr unicode xrange".split()
)
_SYNTAX_OF_2 = re.compile(
    r"""^\s*(print|exec)\s+["'\w]    # print "words"
    |^\s*print\s*\(.*\)\s*[%,]\s    # print ("%d") % x
    |^\s*except\s.*,\s*\w+\s*:       # except Error, e:
    |^\s*raise\s+[\w.]+\s*,          # raise Error, "words"
    |`[^`]+`|<>                      # repr, unequal
    |\b0\d+\b|\b\d+[lL]\b            # 0777, 10L
    |\bur["']""",
    re.VERBOSE,
)
_METHODS_OF_2 = re.compile(r"no attribute '(has_key|iteritems|iterkeys|itervalues|next)'")
_ARRAYS = {
    "tostring": "tobytes()", "ptp": "np.ptp(x)", "itemset": "x[index] = value",
    "newbyteorder": "x.view(x.dtype.newbyteorder())",
}  # fmt: skip
_METHODS_OF_ARRAYS = re.compile(rf"numpy.ndarray' object has no attribute '({'|'.join(_ARRAYS)})'")

CONVERT = "this is Python 2: convert it with `2to3 -w FILE` (2to3 comes with Python up to 3.12)"


def advise(error: BaseException, source: str) -> None:
    """Add what to do to an exception that ended the program `source`, where it is known."""
    for note in _notes(error, source):
        error.add_note(note)


def _notes(error: BaseException, source: str) -> Iterator[str]:
    if isinstance(error, ModuleNotFoundError):
        yield from _about_module(error.name or "", source)
    elif isinstance(error, SyntaxError):
        message = python_2(error)
        if message:
            yield message
    elif isinstance(error, NameError) and error.name in _NAMES_OF_2:
        yield f"{error.name}: {CONVERT}"
    elif isinstance(error, AttributeError):
        old, array = _METHODS_OF_2.search(str(error)), _METHODS_OF_ARRAYS.search(str(error))
        if old:
            yield f"{old[1]}: {CONVERT}"
        elif array:
            yield f"NumPy 2 has no ndarray.{array[1]}: write {_ARRAYS[array[1]]}"


def _about_module(name: str, source: str) -> Iterator[str]:
    if name == "google":  # google.colab or google.protobuf: the first part is missing
        name = next((m for m in imported(source) if m.startswith("google.")), name)
    top = name.partition(".")[0]
    if top in _MODULES_OF_2:
        yield f"{top}: {CONVERT}"
    elif instead(name):
        yield f"{name} is not supported; instead: {instead(name)}"
    elif package_of(name):
        missing = sorted({name, *missing_modules(source)})
        packages = dict.fromkeys(filter(None, map(package_of, missing)))
        yield (
            f"the program needs {_listed(missing)}, which this environment does not have: "
            f"pip install {' '.join(packages)}"
        )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def instead(module: str) -> str | None:
    """What to use in place of a module that only works beside the real TensorFlow, or in Colab."""
    return REAL.get(".".join(module.split(".")[:2])) or REAL.get(module.partition(".")[0])


def package_of(module: str) -> str | None:
    """What pip calls the package of a module that programs of machine learning import.

    >>> package_of("sklearn.metrics"), package_of("mine")
    ('scikit-learn', None)
    """
    found = INSTALL.get(".".join(module.split(".")[:2]))
    return found or INSTALL.get(module.partition(".")[0])


def imported(source: str) -> list[str]:
    """The modules that a program imports; none where it is not Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names[node.module] = None
    return list(names)


def missing_modules(source: str) -> list[str]:
    """The packages of INSTALL that a program imports, and that are not installed."""
    tops = {name.partition(".")[0] for name in imported(source) if package_of(name)}
    return sorted(top for top in tops if not is_installed(top))


def is_installed(module: str) -> bool:
    """Can this module of the highest level be imported?"""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def python_2(error: SyntaxError) -> str | None:
    """Where the error is about a line of Python 2: that, and what to do."""
    line = error.text or ""
    if isinstance(error, TabError):
        return (
            "Python 2 took a tab for eight blanks, Python 3 wants one of both: "
            "`expand -t 8 FILE > NEW` makes blanks of all tabs"
        )
    words = str(error.msg)
    if "call to 'print'" in words or "call to 'exec'" in words or _SYNTAX_OF_2.search(line):
        return f"line {error.lineno}, {line.strip()!r}: {CONVERT}"
    return None
