"""Virtual environments of the backends, one each, built on first use and kept."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # the checkout
FOLDER_VARIABLE = "LAMELLA_BENCH_ENVS"

KERAS = "keras>=3.15,<3.16"
REQUIREMENTS = {
    "lamella": [str(ROOT)],
    "tensorflow": ["tensorflow-cpu", KERAS],
    "jax": ["jax>=0.10,<0.11", KERAS],
    "torch": ["torch", KERAS],
    "plot": ["matplotlib"],
}
INSTALLERS = ("pip", "setuptools", "wheel")  # not counted as part of what a backend needs


def default_folder() -> Path:
    return Path(os.environ.get(FOLDER_VARIABLE, ROOT / ".bench-envs"))


def python_of(folder: Path, name: str) -> Path:
    """The interpreter of an environment, which is built first if it is not there.

    Any environment found under the name is used as it is, so one may be made by hand (say, with a
    processor-only PyTorch, where the default is a large build for GPUs).
    """
    home = folder / name
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    if not python.exists():
        build(home, python, REQUIREMENTS[name])
    return python


def build(home: Path, python: Path, requirements: list[str]) -> None:
    print(f"building {home} ({', '.join(requirements)})", file=sys.stderr, flush=True)
    venv.create(home, with_pip=True)
    try:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
    except BaseException:
        shutil.rmtree(home)  # half an environment would be taken for a whole one
        raise


def installed_megabytes(python: Path) -> float:
    """Size on disk of an environment's site-packages, without the installers."""
    code = "import json, sysconfig; print(json.dumps(sysconfig.get_paths()))"
    answer = subprocess.run([python, "-c", code], capture_output=True, check=True, text=True)
    packages = Path(json.loads(answer.stdout)["purelib"])
    total = sum(
        size(entry) for entry in packages.iterdir() if not entry.name.startswith(INSTALLERS)
    )
    return total / 1024**2


def size(entry: Path) -> int:
    if entry.is_symlink() or entry.is_file():
        return entry.lstat().st_size
    return sum(f.lstat().st_size for f in entry.rglob("*") if not f.is_dir())
