"""tf.saved_model: a Keras model or a tf.Module in a folder, for a program that loads it again.

The folder is not TensorFlow's: it holds `model.keras`, or `module.json` (the classes, and values
that are not variables) beside `variables.npz`. A module's functions are those of its class, which
the program that loads it must define. Folders that TensorFlow wrote are refused.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.keras_bridge import arrays_in
from tensorflow_lamella.core.module import Module
from tensorflow_lamella.core.spec import TensorSpec
from tensorflow_lamella.core.variable import Variable
from tensorflow_lamella.keras.saving import MODEL
from tensorflow_lamella.names import export, put

MODULE, VARIABLES = "module.json", "variables.npz"
PLAIN = (type(None), bool, int, float, str)

put("serving_default", "saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY")
put("serve", "saved_model.SERVING")
put("train", "saved_model.TRAINING")


@export("saved_model.SaveOptions", "saved_model.LoadOptions")
class Options:
    """How TensorFlow writes and reads a folder: it has no meaning here."""

    def __init__(self, **options: Any) -> None:
        self.__dict__.update(options)


@export("saved_model.save")
def save(obj: Any, export_dir: Any, signatures: Any = None, options: Any = None) -> None:
    """Write a Keras model or a tf.Module to the folder `export_dir`.

    `signatures` are not kept: a loaded model has "serving_default", a module its own functions.
    TypeError for an attribute of a module that is neither a variable, nor a module, nor a plain
    value, nor a list or dict of those.
    """
    folder = Path(os.fspath(export_dir))
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(obj, keras.Model):
        obj.save(folder.as_posix())
        return
    if not isinstance(obj, Module):
        raise TypeError(
            f"tf.saved_model.save keeps Keras models and tf.Modules, got {type(obj).__name__}; "
            "tf.train.Checkpoint keeps the variables of anything"
        )
    variables: list[Any] = []
    text = json.dumps(_described(obj, variables, type(obj).__name__), indent=1)
    np.savez(folder / VARIABLES, *[np.asarray(v) for v in variables])
    (folder / MODULE).write_text(text)


def _described(x: Any, variables: list[Any], path: str) -> Any:
    """`x` in JSON; its variables are numbers in the list of them."""
    if isinstance(x, PLAIN):
        return x
    if isinstance(x, Variable):
        known = [id(v) for v in variables]
        if id(x) not in known:
            variables.append(x)
        index = known.index(id(x)) if id(x) in known else len(known)
        return {"variable": index, "trainable": x.trainable, "name": x.name}
    if isinstance(x, Module):
        inner = {key: _described(value, variables, f"{path}.{key}")
                 for key, value in vars(x).items()}  # fmt: skip
        return {"module": [type(x).__module__, type(x).__qualname__], "attributes": inner}
    if isinstance(x, (list, tuple)):
        items = [_described(item, variables, f"{path}[{i}]") for i, item in enumerate(x)]
        return {"list" if isinstance(x, list) else "tuple": items}
    if isinstance(x, dict) and all(isinstance(key, str) for key in x):
        return {"dict": {k: _described(v, variables, f"{path}[{k!r}]") for k, v in x.items()}}
    raise TypeError(
        f"tf.saved_model.save: {path} is of {type(x).__name__}, which cannot be kept; make it a "
        "method of the class, or keep the variables with tf.train.Checkpoint"
    )


@export("saved_model.load", "saved_model.load_v2", "compat.v2.saved_model.load")
def load(export_dir: Any, tags: Any = None, options: Any = None) -> Any:
    """What was saved in `export_dir`.

    Returns the Keras model, which also has `signatures["serving_default"]`, or the tf.Module.

    Raises:
        ValueError: TensorFlow wrote the folder, or the class of a module is not defined.
        FileNotFoundError: there is nothing of ours in it.
    """
    folder = Path(os.fspath(export_dir))
    if (folder / MODULE).exists():
        with np.load(folder / VARIABLES) as file:
            arrays = [file[f"arr_{i}"] for i in range(len(file.files))]
        made: dict[int, Variable] = {}
        return _restored(json.loads((folder / MODULE).read_text()), arrays, made)
    if not (folder / MODEL).exists() and not (folder / "saved_model.pb").exists():
        raise FileNotFoundError(
            f"{folder} holds no model: neither {MODEL} nor {MODULE}, which model.save and "
            "tf.saved_model.save write"
        )
    model = keras.saving.load_model(folder.as_posix())
    object.__setattr__(model, "signatures", {"serving_default": Signature(model)})
    return model


def _restored(x: Any, arrays: list[np.ndarray], made: dict[int, Variable]) -> Any:
    if isinstance(x, PLAIN):
        return x
    restored = functools.partial(_restored, arrays=arrays, made=made)
    if "variable" in x:
        index = x["variable"]
        if index not in made:
            made[index] = Variable(arrays[index], trainable=x["trainable"],
                                   name=x["name"].removesuffix(":0"))  # fmt: skip
        return made[index]
    if "module" in x:
        module = _class(*x["module"]).__new__(_class(*x["module"]))
        for key, value in x["attributes"].items():
            object.__setattr__(module, key, restored(value))
        return module
    if "dict" in x:
        return {key: restored(value) for key, value in x["dict"].items()}
    return (
        [restored(item) for item in x["list"]]
        if "list" in x
        else tuple(restored(item) for item in x["tuple"])
    )


def _class(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module) or importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, Module)):
        raise ValueError(
            f"tf.saved_model.load: the class {name} of the module that was saved is not in "
            f"{module}; define it there, above the call"
        )
    return found


class Signature:
    """`loaded.signatures["serving_default"]`: a dict of outputs for inputs, by name."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.inputs = [x.name for x in model.inputs]
        names = [layer.name for layer in model.layers]
        self.outputs = getattr(model, "output_names", None) or names[-1:]

    @property
    def structured_outputs(self) -> dict[str, TensorSpec]:
        """The shapes of the outputs."""
        return {name: TensorSpec(x.shape, x.dtype, name)
                for name, x in zip(self.outputs, self.model.outputs)}  # fmt: skip

    @property
    def structured_input_signature(self) -> Any:
        """The shapes of the inputs: `((), {name: spec})`."""
        return (), {x.name: TensorSpec(x.shape, x.dtype, x.name) for x in self.model.inputs}

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        given = list(args) or [kwargs[name] if name in kwargs else _only(kwargs, self.inputs)
                               for name in self.inputs]  # fmt: skip
        out = self.model(arrays_in(given[0] if len(given) == 1 else given), training=False)
        out = out if isinstance(out, (list, tuple)) else [out]
        return {name: wrap(arrays_in(x)) for name, x in zip(self.outputs, out)}


def _only(given: dict[str, Any], names: list[str]) -> Any:
    """The value of the one input, whatever a program calls it."""
    if len(given) == len(names) == 1:
        return next(iter(given.values()))
    raise TypeError(f"the signature takes {', '.join(names)}, got {', '.join(given) or 'nothing'}")


@export("saved_model.contains_saved_model")
def contains_saved_model(export_dir: Any) -> bool:
    """Whether there is something that `load` reads."""
    return any((Path(os.fspath(export_dir)) / name).exists() for name in (MODEL, MODULE))
