"""Tools of the Keras world work on Lamella, each in an environment of its own.

    python -m pytest -m slow tests/ecosystem

A program of `programs/` runs with `KERAS_BACKEND=lamella` and asserts what it must see.
Environments are made with pip at the first run and kept in ~/.cache/lamella-ecosystem
(`LAMELLA_ECOSYSTEM_DIR` moves them).
"""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
KEPT = Path(os.environ.get("LAMELLA_ECOSYSTEM_DIR", Path.home() / ".cache/lamella-ecosystem"))

#: Program of `programs/` -> what its environment has beside Lamella's dependencies.
PROGRAMS = {
    "keras_tuner_search": ["keras-tuner", "six"],  # which it imports and does not ask for
    "optuna_pruning": ["optuna", "optuna-integration"],
    "mlflow_autolog": ["mlflow"],
    "keras_hub_step": ["keras-hub"],
    "scikit_learn_wrappers": ["scikit-learn"],
}

#: Other backends -> what they need.
ENGINES = {"jax": ["jax"], "tensorflow": ["tensorflow"]}

#: The smallest of each family, and a size of image that it takes.
APPLICATIONS = {
    "ConvNeXtTiny": 64,
    "DenseNet121": 64,
    "EfficientNetB0": 64,
    "EfficientNetV2B0": 64,
    "InceptionResNetV2": 75,
    "InceptionV3": 75,
    "MobileNet": 64,
    "MobileNetV2": 64,
    "MobileNetV3Small": 64,
    "NASNetMobile": 64,
    "ResNet50": 96,
    "ResNet50V2": 64,
    "VGG16": 64,
    "Xception": 75,
}

pytestmark = pytest.mark.slow


def environment(packages: list[str]) -> Path:
    """The Python of an environment that has Keras, Lamella's dependencies and `packages`."""
    place = KEPT / "-".join(packages)
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        needs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *needs, *packages], check=True)
        (folder,) = place.glob("lib/python3*/site-packages")
        shutil.copy(ROOT / "keras_lamella" / "lamella.pth", folder)
        (place / "complete").touch()
    return python


def run(program: str, packages: list[str], folder: Path, *args: str, engine: str = "lamella"):
    """Run a program with the project on its path; AssertionError with its output if it fails."""
    result = subprocess.run(
        [environment(packages), HERE / "programs" / f"{program}.py", *args],
        env={**os.environ, "KERAS_BACKEND": engine, "PYTHONPATH": f"{ROOT}"},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]


@pytest.mark.parametrize("program", PROGRAMS)
def test_tool(program, tmp_path):
    run(program, PROGRAMS[program], tmp_path)


@pytest.mark.parametrize("other", ENGINES)
@pytest.mark.parametrize("first", ["lamella", "other"])
def test_models_move_between_backends(first, other, tmp_path):
    engines = ["lamella", other] if first == "lamella" else [other, "lamella"]
    for task, engine in zip(("save", "load"), engines):
        run("move_models", ENGINES[other], tmp_path, task, engine=engine)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["ours"]),
        (["--tensorflow", "real"], ["real"]),
        (["--engine", "tensorflow"], ["real", "tensorflow"]),
    ],
    ids=["ours", "real", "engine"],
)
def test_beside_an_installed_tensorflow(options, expected, tmp_path):
    program = HERE / "programs" / "beside_tensorflow.py"
    result = subprocess.run(
        [environment(["tensorflow"]), "-m", "lamella", "run", *options, program, *expected],
        env={**os.environ, "PYTHONPATH": f"{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]


@pytest.mark.parametrize("name", APPLICATIONS)
def test_application_agrees_with_jax(name, tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    size = str(APPLICATIONS[name])
    for task, dtype, engine in (
        ("save", "float32", "lamella"),
        ("save", "float64", "lamella"),
        ("compare", "float64", "jax"),
    ):
        run("application", ENGINES["jax"], tmp_path, task, name, size, dtype, engine=engine)


def test_every_family_of_applications_is_there():
    import lamella  # noqa: F401, I001  (before keras)
    from keras import applications

    modules = {name for name, value in vars(applications).items() if inspect.ismodule(value)}
    others = {"imagenet_utils", "resnet50", "vgg19"}  # no models, another name, another depth
    found = {getattr(applications, name).__module__.split(".")[-1] for name in APPLICATIONS}
    assert found == modules - others
