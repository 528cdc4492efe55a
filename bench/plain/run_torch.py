"""Worker: measures a workload in plain PyTorch, `eager` or `compile` as BENCH_TORCH says."""

import os

from bench import measure
from bench.prepared import Prepared


def import_engine() -> dict[str, str]:
    import torch

    return {"torch": torch.__version__}


class TorchSubject:
    def __init__(self, name: str, prepared: Prepared):
        import torch

        torch.manual_seed(1)
        self.name, self.prepared = name, prepared
        self.model, self.run, self.optimizer = self._build()
        self.x, self.y = to_input(prepared.x), to_target(prepared.y)

    def _build(self):
        """The module, the callable that runs it, and its optimizer."""
        import torch

        from bench.plain.torch_models import MODELS, OPTIMIZERS

        model = MODELS[self.name]()
        model.load(self.prepared.weights)
        if self.prepared.x.ndim == 4:
            model = model.to(memory_format=torch.channels_last)
        compiled = os.environ["BENCH_TORCH"] == "compile"
        run = torch.compile(model) if compiled else model
        return model, run, OPTIMIZERS[self.name](model.parameters())

    def fit(self, on_unit) -> None:
        import torch

        stop = False
        while not stop:
            order = torch.randperm(len(self.y))
            metrics = self._epoch(self.model, self.run, self.optimizer, self.x, self.y, order)
            stop = on_unit(metrics)

    def _epoch(self, model, run, optimizer, x, y, order) -> dict[str, float]:
        """One pass over the rows in the given order; mean loss and accuracy."""
        import torch

        model.train()
        total, right = torch.zeros(()), torch.zeros(())
        for rows in order.split(self.prepared.batch_size):
            target = y[rows]
            optimizer.zero_grad(set_to_none=True)
            logits = run(x[rows])
            loss = torch.nn.functional.cross_entropy(logits, target)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
            right += (logits.detach().argmax(1) == target).sum()
        return {"loss": float(total) / len(order), "accuracy": float(right) / y[order].numel()}

    def predict(self, x):
        import numpy as np

        batches = range(0, len(x), 256)
        return np.concatenate([self.call(x[i : i + 256]) for i in batches])

    def call(self, x):
        import torch

        self.model.eval()
        with torch.inference_mode():
            return torch.softmax(self.run(to_input(x)), 1).numpy()

    def check(self, x, y, epochs: int) -> float:
        import torch

        parts = self._build()
        order = torch.arange(len(y))
        for _ in range(epochs):
            metrics = self._epoch(*parts, to_input(x), to_target(y), order)
        return metrics["loss"]


def to_input(x):
    """Rows as PyTorch wants them: images N, C, H, W over Keras's memory, token ids as int64."""
    import torch

    x = torch.from_numpy(x)
    if x.ndim == 4:
        return x.permute(0, 3, 1, 2)
    return x.long() if x.dtype == torch.int32 else x


def to_target(y):
    """Class indices, from indices or from one-hot rows."""
    import torch

    return torch.from_numpy(y.argmax(-1) if y.dtype.kind == "f" else y).long()


if __name__ == "__main__":
    measure.main(import_engine, TorchSubject)
