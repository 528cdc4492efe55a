"""How Keras learns the name "lamella", and how a Keras that cannot is refused."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import keras_lamella
from keras_lamella import adjustments, install
from keras_lamella.missing import MissingOp, missing_op

ROOT = Path(keras_lamella.__file__).parent.parent


def python(code: str, *paths: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a new process where `paths`, then the checkout, come first."""
    inherited = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={
            **inherited,
            "PYTHONPATH": os.pathsep.join(map(str, (*paths, ROOT))),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


def keras_file(module: str) -> Path:
    """The file of a module of the installed Keras, which is not imported for it."""
    spec = importlib.util.find_spec("keras")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


# -- the branch ------------------------------------------------------------------------------


@pytest.mark.parametrize("module", install.BRANCHES)
def test_each_module_of_keras_has_one_chain(module):
    source = keras_file(module).read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert install.add_branch(tree, install.BRANCHES[module]) == 1
    patched = ast.unparse(tree)
    assert patched.count("== 'lamella':") == 1
    assert patched.index("== 'lamella'") < patched.index("elif ")
    # without our branch it is Keras's own text again
    assert patched.count("keras_lamella.src") == install.BRANCHES[module].count("keras_lamella.src")


CHAIN = """
if backend() == "tensorflow":
    name = "tf"
elif backend() == "jax":
    name = "jax"
elif backend() == "torch":
    name = "torch"
else:
    raise ValueError(backend())
"""


def run_chain(backend: str) -> str:
    tree = ast.parse(CHAIN)
    install.add_branch(tree, "name = 'ours'")
    space: dict[str, object] = {"backend": lambda: backend}
    exec(compile(tree, "chain.py", "exec"), space)
    return str(space["name"])


def test_the_branch_runs_for_lamella_and_the_chain_for_others():
    assert [run_chain(name) for name in ("lamella", "jax", "torch")] == ["ours", "jax", "torch"]
    with pytest.raises(ValueError, match="mlx"):
        run_chain("mlx")


def test_an_error_in_the_chain_keeps_its_line():
    tree = ast.parse(CHAIN)
    install.add_branch(tree, "name = missing_name")
    with pytest.raises(NameError) as caught:
        exec(compile(tree, "chain.py", "exec"), {"backend": lambda: "lamella"})
    assert caught.traceback[-1].lineno + 1 == 2


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("", 0),
        ('if backend() == "jax":\n    pass\n', 0),
        (CHAIN.replace("backend()", "platform()"), 0),
        (CHAIN + CHAIN, 2),
    ],
)
def test_other_code_is_left_alone(source, count):
    tree = ast.parse(source)
    before = ast.dump(tree)
    assert install.add_branch(tree, "pass") == count
    assert ast.dump(tree) == before


# -- versions --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["3.15.0", "3.15.1", "3.15.2.dev1"])
def test_versions_that_are_supported(version):
    install.check_version(version)


@pytest.mark.parametrize("version", ["3.14.1", "3.16.0", "4.15.0", "2.15.0", "3.150.0", "unknown"])
def test_versions_that_are_not(version):
    with pytest.raises(install.UnsupportedKeras, match=r"keras>=3\.15,<3\.16"):
        install.check_version(version)


def fake_keras(folder: Path, version: str, config: str, backend: str) -> Path:
    """A package `keras` with as much of the real one's layout as the hook looks at."""
    files = {
        "__init__.py": "import keras.src.backend",
        "src/__init__.py": "",
        "src/version.py": f"__version__ = {version!r}",
        "src/backend/__init__.py": backend,
        "src/backend/config.py": config,
    }
    for name, text in files.items():
        path = folder / "keras" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


CONFIG = "import os\ndef backend():\n    return os.environ['KERAS_BACKEND']\n"
BACKEND = "from keras.src.backend.config import backend\n" + CHAIN
INSTALL = "from keras_lamella.install import install; install(select=True)\n"


def test_an_unknown_keras_is_refused_at_its_import(tmp_path):
    keras = fake_keras(tmp_path, "3.99.0", CONFIG, BACKEND)
    result = python(INSTALL + "import keras", keras)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert "UnsupportedKeras: lamella cannot be the backend of Keras 3.99.0" in last
    assert "pip install 'keras>=3.15,<3.16'" in last


def test_a_keras_without_the_chain_is_refused(tmp_path):
    keras = fake_keras(tmp_path, "3.15.9", CONFIG, "from keras.src.backend.config import backend")
    result = python(INSTALL + "import keras", keras)
    assert "keras.src.backend has 0 chains" in result.stderr


def test_an_unknown_keras_on_another_backend_is_none_of_our_business(tmp_path):
    keras = fake_keras(tmp_path, "3.99.0", CONFIG, BACKEND)
    result = python(
        INSTALL + "import keras; print(keras.src.backend.name)", keras, KERAS_BACKEND="jax"
    )
    assert result.stdout == "jax\n", result.stderr


def test_a_pluggable_keras_only_learns_the_name(tmp_path):
    config = "_PLUGGABLE_BACKENDS = frozenset(['mlx'])\n" + CONFIG
    keras = fake_keras(
        tmp_path, "3.20.0", config, "from keras.src.backend.config import _PLUGGABLE_BACKENDS"
    )
    code = "import keras; print(sorted(keras.src.backend._PLUGGABLE_BACKENDS))"
    result = python(INSTALL + code, keras)
    assert result.stdout == "['lamella', 'mlx']\n", result.stderr


# -- selection -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [({}, "lamella"), ({"KERAS_BACKEND": ""}, "lamella"), ({"KERAS_BACKEND": "jax"}, "jax")],
)
def test_the_environment_wins(environment, chosen):
    code = "import os; print(os.environ['KERAS_BACKEND'])"
    assert python(INSTALL + code, **environment).stdout == f"{chosen}\n"


def test_without_select_nothing_is_chosen():
    code = (
        "from keras_lamella.install import install; install(); "
        "import os; print(os.environ.get('KERAS_BACKEND'))"
    )
    assert python(code).stdout == "None\n"


def test_installing_twice_leaves_one_finder():
    code = (
        "install(); del sys.modules['keras_lamella.install']\n"
        "from keras_lamella.install import install; install()\n"
        "print(sum(type(f).__name__ == 'KerasFinder' for f in sys.meta_path))"
    )
    assert python("import sys\n" + INSTALL + code).stdout == "1\n"


def test_keras_imported_too_early(tmp_path):
    keras = fake_keras(
        tmp_path, "3.15.1", CONFIG.replace("os.environ['KERAS_BACKEND']", "'torch'"), BACKEND
    )
    result = python("import keras\n" + INSTALL, keras)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("RuntimeError: Keras was imported before lamella")
    assert "'torch'" in last
    assert "import lamella" in last


def test_keras_imported_early_on_a_backend_that_the_environment_names(tmp_path):
    keras = fake_keras(tmp_path, "3.15.1", CONFIG, BACKEND)
    code = "import keras\n" + INSTALL + "print(keras.src.backend.name)"
    assert python(code, keras, KERAS_BACKEND="torch").stdout == "torch\n"


def test_the_module_for_keras_may_come_first():
    done = python("import lamella.keras, keras; print(keras.backend.backend())")
    assert done.stdout.split() == ["lamella"], done.stderr


def test_import_lamella_does_not_import_keras():
    code = "import lamella, sys; print('keras' in sys.modules)"
    assert python(code).stdout == "False\n"


@pytest.mark.parametrize(("backend", "found"), [("lamella", "True"), ("jax", "False")])
def test_start_up_file_selects_lamella_by_the_environment_alone(tmp_path, backend, found):
    (tmp_path / "lamella.pth").write_bytes((ROOT / "keras_lamella" / "lamella.pth").read_bytes())
    code = (
        f"import site, sys; site.addsitedir({str(tmp_path)!r})\n"
        "print(any(type(f).__name__ == 'KerasFinder' for f in sys.meta_path))"
    )
    result = python(code, KERAS_BACKEND=backend)
    assert (result.stdout, result.stderr) == (f"{found}\n", "")


def test_start_up_file_is_one_line():
    assert len((ROOT / "keras_lamella" / "lamella.pth").read_text().splitlines()) == 1


# -- MNIST -----------------------------------------------------------------------------------


@pytest.fixture
def keras_mnist(monkeypatch, tmp_path):
    """Keras's MNIST module after the hook, with an empty cache folder."""
    config = types.SimpleNamespace(backend=lambda: "lamella", keras_home=lambda: str(tmp_path))
    monkeypatch.setitem(sys.modules, "keras.src.backend.config", config)

    def load_data(path="mnist.npz"):
        return "read by Keras", path

    module = types.SimpleNamespace(load_data=load_data)
    adjustments._serve_mnist_offline(module)
    return module


def test_mnist_is_ours_when_keras_has_none(keras_mnist):
    (x_train, y_train), (x_test, y_test) = keras_mnist.load_data()
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(y_test).sum() == 10000


def test_a_file_in_the_cache_folder_of_keras_wins(keras_mnist, tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "mnist.npz").touch()
    assert keras_mnist.load_data() == ("read by Keras", "mnist.npz")
    (tmp_path / "datasets" / "mine.npz").touch()
    assert keras_mnist.load_data("mine.npz") == ("read by Keras", "mine.npz")


# -- missing operations ----------------------------------------------------------------------


def test_a_missing_operation_is_told_and_can_be_probed():
    module = types.ModuleType("keras_lamella.src.ops.numpy")
    module.__getattr__ = missing_op(module.__name__)  # type: ignore[method-assign]
    assert not hasattr(module, "frobnicate")
    with pytest.raises(MissingOp, match=r"numpy\.frobnicate") as caught:
        module.frobnicate(1)
    assert isinstance(caught.value, NotImplementedError)
    with pytest.raises(AttributeError):
        module.__wrapped__()
