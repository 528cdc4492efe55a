"""What every backend starts from: data and initial weights (.npz), batch size and FLOPs (.json).

`python -m bench.prepared FOLDER NAME...` writes the files: any Keras backend will do to build the
models, since the weights are drawn by NumPy. Workers read them with `Prepared(path)`.
"""

import hashlib
import importlib
import json
import sys
from math import prod
from pathlib import Path

HERE = Path(__file__).parent


def path_of(folder: Path, name: str) -> Path:
    """The file of a workload; its source is in the name, so an edited one is prepared again."""
    sources = (HERE / "workloads" / f"{name}.py", HERE / "flops.py", Path(__file__))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    return folder / f"{name}-{digest[:12]}.npz"


class Prepared:
    """What every backend starts from.

    x: an array or a dict of arrays, y: an array, weights: {path in the model: array} in Keras's
    order, batch_size, epochs (timed as one), flops_per_row.
    """

    def __init__(self, path: str | Path):
        import numpy as np

        with np.load(path) as file:
            arrays = dict(file)
        meta = json.loads(Path(path).with_suffix(".json").read_text())
        self.batch_size: int = meta["batch_size"]
        self.epochs: int = meta["epochs"]
        self.flops_per_row: int = meta["flops_per_row"]
        self.y = arrays.pop("y")
        self.weights = _with_prefix(arrays, "weight/")
        inputs = _with_prefix(arrays, "x/")
        self.x = inputs.get("", inputs)

    @property
    def rows(self) -> int:
        return len(self.y)

    def take(self, rows: int):
        """The first rows of x and y."""
        if isinstance(self.x, dict):
            return {name: array[:rows] for name, array in self.x.items()}, self.y[:rows]
        return self.x[:rows], self.y[:rows]


def _with_prefix(arrays: dict, prefix: str) -> dict:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def write(path: Path, name: str) -> None:
    """Builds the workload, calls its `data()` and writes the file."""
    import numpy as np

    from bench.flops import training_flops

    workload = importlib.import_module(f"bench.workloads.{name}")
    x, y = workload.data()
    model = workload.build()
    meta = {
        "rows": len(y),
        "batch_size": workload.BATCH_SIZE,
        "epochs": workload.EPOCHS,
        "flops_per_row": training_flops(model),
    }
    arrays = {f"x/{key}": array for key, array in (x if isinstance(x, dict) else {"": x}).items()}
    paths = [v.path.removeprefix(f"{model.name}/") for v in model.weights]
    weights = {f"weight/{p}": w for p, w in zip(paths, initial(model), strict=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, y=y, **arrays, **weights)
    path.with_suffix(".json").write_text(json.dumps(meta))
    partial.replace(path)


def initial(model) -> list:
    """Initial weights: Glorot-uniform from one NumPy seed where Keras draws too (rank 2 and up)."""
    import numpy as np

    rng = np.random.default_rng(3)
    weights = []
    for value in model.get_weights():
        if value.ndim >= 2:
            fans = prod(value.shape[:-2]) * (value.shape[-2] + value.shape[-1])
            limit = (6 / fans) ** 0.5
            value = rng.uniform(-limit, limit, value.shape).astype(value.dtype)
        weights.append(value)
    return weights


if __name__ == "__main__":
    from bench.run_keras import import_engine

    import_engine()
    for requested in sys.argv[2:]:
        write(path_of(Path(sys.argv[1]), requested), requested)
