"""A process that is killed while it saves leaves what was saved before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

#: Saves a model, changes it, and sleeps in the middle of saving it again.
PROGRAM = """
import sys, time
import lamella, keras

class Dense(keras.layers.Dense):
    pause = False
    def get_config(self):
        self.wait("config")
        return super().get_config()
    def save_own_variables(self, store):
        super().save_own_variables(store)
        self.wait("weights")
    def wait(self, where):
        if self.pause == where:
            print("saving", flush=True)
            time.sleep(60)

path, pause = sys.argv[1:]
model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2000), Dense(2)])
model.set_weights([w * 0 + 1 for w in model.get_weights()])
save = model.save_weights if path.endswith(".weights.h5") else model.save
save(path)
model.set_weights([w * 0 + 2 for w in model.get_weights()])
Dense.pause = pause
save(path)
"""


CASES = [
    ("a.keras", "config"),
    ("a.keras", "weights"),
    ("a.weights.h5", "weights"),
    ("a.h5", "config"),
]


@posix
@pytest.mark.parametrize(("name", "pause"), CASES)
def test_a_kill_leaves_the_old_file(name: str, pause: str, tmp_path: Path) -> None:
    path = tmp_path / name
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(path), pause]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout.readline() == b"saving\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(list(tmp_path.iterdir())) == 2  # the second was being written
    for weights in _weights(path):
        assert (weights == 1).all()


def _weights(path: Path) -> list[np.ndarray]:
    if path.name.endswith(".weights.h5"):
        model = keras.Sequential(
            [keras.layers.Input((3,)), keras.layers.Dense(2000), keras.layers.Dense(2)]
        )
        model.load_weights(path)
    else:
        model = keras.models.load_model(path, custom_objects={"Dense": keras.layers.Dense})
    assert len(model.get_weights()) == 4
    return model.get_weights()


def network(value: float = 1) -> keras.Model:
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    model.set_weights([w * 0 + value for w in model.get_weights()])
    return model


class Refuses(keras.layers.Layer):
    def save_own_variables(self, store: object) -> None:
        raise RuntimeError("not today")


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    network().save(path)
    model = keras.Sequential([keras.layers.Input((3,)), Refuses(), keras.layers.Dense(2)])
    with pytest.raises(RuntimeError, match="not today"):
        model.save(path)
    assert os.listdir(tmp_path) == ["model.keras"]
    assert (keras.models.load_model(path).get_weights()[0] == 1).all()
    with pytest.raises(RuntimeError, match="not today"):
        model.save(tmp_path / "new.keras")
    assert sorted(os.listdir(tmp_path)) == ["model.keras", "new.keras"]  # as Keras leaves it


def test_links_and_permissions_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "1.weights.h5", tmp_path / "latest.weights.h5"
    network().save_weights(path)
    path.chmod(0o640)
    link.symlink_to(path)
    network(2).save_weights(link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    model = network()
    model.load_weights(path)
    assert (model.get_weights()[0] == 2).all()


def test_places_that_cannot_be_replaced(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere/model\.keras"):
        network().save(tmp_path / "nowhere" / "model.keras")
    with pytest.raises(ValueError, match=r"model\.tf"):
        network().save(tmp_path / "model.tf")
    (tmp_path / "null.keras").symlink_to(os.devnull)
    network().save(tmp_path / "null.keras")
    network().save(tmp_path / "folder", zipped=False)
    assert sorted(os.listdir(tmp_path)) == ["folder", "null.keras"]
    assert not os.path.isfile(os.devnull)


def test_weights_in_several_files(tmp_path: Path) -> None:
    network(3).save_weights(tmp_path / "model.weights.json", max_shard_size=0.01)
    model = network()
    model.load_weights(tmp_path / "model.weights.json")
    assert (model.get_weights()[0] == 3).all()


def test_the_epoch_is_noted_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BackupAndRestore writes weights, then the epoch: an error while it does keeps the last."""
    backup = keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    model = network()
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    model.fit(x, y, epochs=2, verbose=0, callbacks=[backup])
    (note,) = tmp_path.glob("*.json")
    assert json.loads(note.read_text())["epoch"] == 2
    monkeypatch.setattr(json, "dumps", lambda note: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        backup._save_model()
    assert json.loads(note.read_text())["epoch"] == 2
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]
