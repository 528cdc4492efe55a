"""The data sets of keras.datasets without a connection: each loads, or says which file it needs."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile

import numpy as np

OFFLINE = """
import urllib.error
from tensorflow.keras import datasets, utils
from keras.src.utils import file_utils

def refuse(url, *args, plain=file_utils.urlretrieve, **kwargs):
    if url.startswith("file:"):
        return plain(url, *args, **kwargs)
    raise urllib.error.URLError("no connection")

file_utils.urlretrieve = refuse
"""

#: Data set -> the file that its message names, below ~/.keras/datasets.
FILES = {
    "fashion_mnist": "fashion-mnist/train-labels-idx1-ubyte.gz",
    "cifar10": "cifar-10-python.tar.gz",
    "cifar100": "cifar-100-python.tar.gz",
    "imdb": "imdb.npz",
    "reuters": "reuters.npz",
    "boston_housing": "boston_housing.npz",
    "california_housing": "california_housing.npz",
}


def idx(array):
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.astype("uint8").tobytes(), 1)


def archive(path, members):
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def rows_of_words(count):
    rows = np.empty(count, object)
    rows[:] = [[5] * (i + 1) for i in range(count)]
    return rows


def put_files(folder):
    """A file of the right form for each data set."""
    fashion = folder / "fashion-mnist"
    fashion.mkdir(parents=True)
    for part, count in (("train", 4), ("t10k", 2)):
        (fashion / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(np.ones((count, 28, 28))))
        (fashion / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(np.arange(count)))
    batch = {b"data": np.full((10000, 3072), 7, "uint8"), b"labels": [3] * 10000}
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    content = pickle.dumps(batch)
    archive(folder / "cifar-10-python.tar.gz",
            {f"cifar-10-batches-py/{name}": content for name in names})  # fmt: skip
    few = {b"data": np.full((6, 3072), 9, "uint8"), b"fine_labels": [42] * 6,
           b"coarse_labels": [4] * 6}  # fmt: skip
    parts = {f"cifar-100-python/{name}": pickle.dumps(few) for name in ("train", "test")}
    archive(folder / "cifar-100-python.tar.gz", parts)
    words, labels = rows_of_words(10), np.arange(10) % 2
    np.savez(folder / "imdb.npz", x_train=words, y_train=labels, x_test=words, y_test=labels)
    np.savez(folder / "reuters.npz", x=words, y=labels)
    for name in ("imdb", "reuters"):
        (folder / f"{name}_word_index.json").write_text(json.dumps({"the": 1}))
    for name, columns in (("boston_housing", 13), ("california_housing", 8)):
        np.savez(folder / f"{name}.npz", x=np.ones((20, columns)), y=np.arange(20.0))


def test_the_message_says_which_file_to_put_where(run, tmp_path):
    out = run(
        OFFLINE
        + f"""
for name in {list(FILES)}:
    try:
        getattr(datasets, name).load_data()
    except FileNotFoundError as error:
        print(error)
""",
        HOME=str(tmp_path),
    )
    lines = [line for line in out.splitlines() if not line.startswith("Downloading")]
    assert len(lines) == len(FILES)
    for line, file in zip(lines, FILES.values()):
        assert "could not be downloaded" in line
        assert line.endswith(f"put it at {tmp_path}/.keras/datasets/{file}")


def test_files_that_are_put_there_are_read(run, tmp_path):
    put_files(tmp_path / ".keras" / "datasets")
    run(
        OFFLINE
        + """
import numpy as np

def shapes(name, **options):
    return [part.shape for pair in getattr(datasets, name).load_data(**options) for part in pair]

assert shapes("mnist") == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
assert shapes("fashion_mnist") == [(4, 28, 28), (4,), (2, 28, 28), (2,)]
assert shapes("cifar10") == [(50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3), (10000, 1)]
assert shapes("cifar100") == [(6, 32, 32, 3), (6, 1), (6, 32, 32, 3), (6, 1)]
assert datasets.cifar100.load_data("coarse")[0][1][0, 0] == 4
assert shapes("imdb", num_words=10) == [(10,)] * 4
assert datasets.imdb.get_word_index() == datasets.reuters.get_word_index() == {"the": 1}
assert shapes("reuters", test_split=0.2) == [(8,), (8,), (2,), (2,)]
assert shapes("boston_housing") == [(16, 13), (16,), (4, 13), (4,)]
assert shapes("california_housing") == [(16, 8), (16,), (4, 8), (4,)]
assert utils.get_file("imdb.npz", "https://x.org/imdb.npz").endswith(".keras/datasets/imdb.npz")
""",
        HOME=str(tmp_path),
    )


def test_get_file_says_it_too(run, tmp_path):
    program = OFFLINE + "utils.get_file('a.txt', 'https://x.org/a.txt', cache_subdir='texts')"
    out = run(program, fails=True, HOME=str(tmp_path))
    assert f"put it at {tmp_path}/.keras/texts/a.txt" in out
    (tmp_path / ".keras/texts/a.txt").write_text("here")
    run(program, HOME=str(tmp_path))
