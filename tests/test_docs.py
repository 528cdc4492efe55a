"""The documents do what they say: their Python runs, and prints what stands under it.

    ```python           is run, after the blocks above it
    ```python no-run    is not
    ```text             right under a block: what it prints; `...` stands for anything
    ```text varies      what it printed once: times, addresses, the processor's code

--update-golden writes what blocks print into the documents.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.zh-CN.md"]
DOCUMENTS = [*READMES, *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

#: Runs blocks [line, code] from stdin in one namespace; prints what each printed as JSON.
RUNNER = """
import contextlib, io, json, sys
document, prelude, blocks = json.load(sys.stdin)
outputs = []
names = {"__name__": "__main__"}
exec(prelude, names)
for line, code in blocks:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile("\\n" * line + code, document, "exec"), names)
    outputs.append(printed.getvalue())
print(json.dumps(outputs))
"""

#: Documents that train on MNIST do it here with few of its rows.
FEW_ROWS = """
import lamella, keras
def few(load=keras.datasets.mnist.load_data):
    (x, y), (x_test, y_test) = load()
    return (x[:2000], y[:2000]), (x_test[:500], y_test[:500])
keras.datasets.mnist.load_data = few
"""


@dataclass
class Block:
    """A block of Python, and the block of what it prints."""

    line: int
    code: str
    output: re.Match[str] | None


def blocks(text: str) -> list[Block]:
    """The blocks of a document that are to be run."""
    fences = list(FENCE.finditer(text))
    found = []
    for fence, after in zip(fences, [*fences[1:], None]):
        if fence["info"].split() == ["python"]:
            near = after and after["info"].startswith("text")
            printed = after if near and not text[fence.end() : after.start()].strip() else None
            found.append(Block(text[: fence.start("text")].count("\n"), fence["text"], printed))
    return found


def run(document: str, found: list[Block]) -> list[str]:
    """What each block prints, without trailing spaces; the blocks share names and a process."""
    unset = ("KERAS_", "LAMELLA_DEBUG")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(unset)}
    prelude = FEW_ROWS if document in READMES else ""
    result = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps([document, prelude, [(b.line, b.code) for b in found]]),
        env={**environment, "PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    outputs = json.loads(result.stdout.splitlines()[-1])
    return ["".join(f"{line.rstrip()}\n" for line in out.splitlines()) for out in outputs]


def agrees(expected: str, printed: str) -> bool:
    """Are they equal, `...` standing for anything?"""
    pattern = ".*".join(map(re.escape, expected.split("...")))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


def checked(block: Block) -> bool:
    """Is the output below the block to be compared?"""
    return block.output is not None and block.output["info"].split() == ["text"]


def with_outputs(text: str, found: list[Block], outputs: list[str]) -> str:
    """The document with new output blocks where the old ones are wrong, or empty."""
    for block, printed in reversed(list(zip(found, outputs))):
        old = block.output
        if old and (not old["text"] or (checked(block) and not agrees(old["text"], printed))):
            text = text[: old.start("text")] + printed + text[old.end("text") :]
    return text


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_python_of_documents_runs_and_prints_what_they_show(document, request):
    path = ROOT / document
    text = path.read_text(encoding="utf-8")
    found = blocks(text)
    if not found:
        pytest.skip("no Python in it")
    outputs = run(document, found)
    if request.config.getoption("--update-golden"):
        path.write_text(with_outputs(text, found, outputs), encoding="utf-8")
        return
    wrong = [
        f"{document}:{block.line}: expected\n{block.output['text']}\nprinted\n{printed}"
        for block, printed in zip(found, outputs)
        if checked(block) and not agrees(block.output["text"], printed)
    ]
    assert not wrong, "\n".join(wrong) + "\n(--update-golden accepts)"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_to_files_lead_somewhere(document):
    path = ROOT / document
    prose = FENCE.sub("", path.read_text(encoding="utf-8"))
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", prose)
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_page_of_primitives_is_current(request):
    tool = runpy.run_path(str(ROOT / "tools" / "primitives_page.py"))
    if request.config.getoption("--update-golden"):
        tool["main"]()
    page = tool["PAGE"].read_text(encoding="utf-8")
    assert tool["page"]() == page, "run tools/primitives_page.py"


def test_blocks_are_found_with_their_outputs():
    text = (
        "a\n```python\nprint(1)\n```\n\n```text\n1\n```\n```python no-run\n2\n```\n```text\n```\n"
    )
    (block,) = blocks(text)
    assert (block.line, block.code, block.output["text"]) == (2, "print(1)\n", "1\n")
    assert agrees("a ... b\n", "a 1\n2 b\n")
    assert not agrees("a ... b\n", "a 1 c\n")
    assert with_outputs(text, [block], ["3\n"]) == text.replace("\n1\n", "\n3\n")


def test_both_readmes_show_the_same_code():
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in READMES)

    def code(text):
        fences = [m["text"] for m in FENCE.finditer(text)]
        return [re.sub(r" *#.*", "", block) for block in fences]

    assert code(english) == code(chinese)
