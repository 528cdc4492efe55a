"""The source: imports point one way, primitives are known in one place, sizes have limits.

An exception is made by adding a name below, with its reason.
"""

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAMELLA = ROOT / "lamella"
SOURCES = sorted(
    p
    for folder in ("lamella", "keras_lamella", "tensorflow_lamella")
    for p in (ROOT / folder).rglob("*.py")
)

#: The parts of lamella in the order of the data; a part may import from lines above its own, and
#: from its own line. A rule of a primitive may need derivatives and batching, which are written in
#: primitives: they stand together.
LAYERS = """
version garbage native
types tree scalar special indexmap
primitive elementary elementary_special
program
text evaluate
ops autodiff batching
frontend
control transforms
passes
kernels
inspect tracebacks
compile
jit
datasets scripts
cli keras
lamella
__main__
"""

#: Imports against the order: only inside functions, when all is loaded. Each with its reason.
UPWARD = {
    ("primitive", "program"): "calling a primitive emits into the current Builder",
    ("program", "evaluate"): "Program.run",
    ("program", "text"): "Program.verify and str",
    ("ops", "frontend"): "rules of control flow trace nested Programs",
    ("ops", "kernels"): "names the types of what kernels return",
    ("frontend", "transforms"): "NumPy functions with a gradient of their own",
    ("frontend", "compile"): "large contractions and windows called on arrays",
}

#: These may branch on which primitive an equation is: the table of rewrites, and what knows views
#: and control flow.
NAMES_PRIMITIVES = {
    "lamella/frontend/numpy/moving.py",  # a sum as the end of a slice
    "lamella/passes/bands.py",  # where masks make zeros
    "lamella/passes/compact.py",  # scatters become smaller scatters
    "lamella/passes/crop.py",  # what each reads of its operands
    "lamella/passes/dead.py",  # results of scan and switch
    "lamella/passes/simplify.py",
    "lamella/passes/squeeze.py",
    "lamella/passes/views.py",
    "lamella/compile/lowering.py",
    "lamella/compile/regions.py",  # fused, which it takes apart
    "lamella/ops/scan_sums.py",  # sums of a scan's gradient become one contraction
}

LONGEST_FILE, LONGEST_FUNCTION = 500, 40
LONG_FILES: set[str] = set()
LONG_FUNCTIONS = {
    "lamella/kernels/emit_code.py:loop",  # the text of a loop, at its top and at its bottom
    "keras_lamella/src/rnn.py:rnn",  # Keras's signature and its cases
}


@functools.cache
def parsed(path):
    return ast.parse(path.read_text())


def name(path):
    return path.relative_to(ROOT).as_posix()


def part(module):
    """lamella.ops.layout -> ops"""
    return module.split(".")[1] if "." in module else module


def imports(path):
    """(part, line, whether at the top) of everything a file imports from lamella."""
    tree = parsed(path)
    later = {
        id(inner)
        for outer in ast.walk(tree) if isinstance(outer, ast.FunctionDef) or for_types(outer)
        for inner in ast.walk(outer)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            own = node.module == "lamella"
            modules = [f"lamella.{a.name}" for a in node.names] if own else [node.module or ""]
        else:
            continue
        for module in modules:
            if module.split(".")[0] == "lamella":
                yield part(module), node.lineno, id(node) not in later


def for_types(node):
    """Is it `if TYPE_CHECKING:`?"""
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def of(path):
    """The part that a file belongs to."""
    first = path.relative_to(LAMELLA).parts[0].removesuffix(".py")
    return "lamella" if first == "__init__" else first


def test_every_part_has_a_layer():
    parts = {of(p) for p in LAMELLA.rglob("*.py")}
    assert parts == set(LAYERS.split())


@pytest.mark.parametrize("path", sorted(LAMELLA.rglob("*.py")), ids=name)
def test_imports_point_one_way(path):
    wrong = [
        f"{name(path)}:{line} imports {other}"
        for other, line, at_top in upward(path)
        if at_top or (of(path), other) not in UPWARD
    ]
    assert wrong == []


def upward(path):
    """What a file imports from above its layer."""
    level = {p: i for i, line in enumerate(LAYERS.split("\n")) for p in line.split()}
    return [x for x in imports(path) if level.get(x[0], 99) > level[of(path)]]


def test_native_stands_alone():
    wrong = [(name(p), other) for p in (LAMELLA / "native").rglob("*.py")
             for other, _, _ in imports(p) if other not in ("native", "version")]  # fmt: skip
    assert wrong == []


def test_keras_is_only_imported_by_its_backend():
    """And by lamella/keras.py, which is for Keras programs alone."""
    wrong = []
    for p in set(LAMELLA.rglob("*.py")) - {LAMELLA / "keras.py"}:
        for node in ast.walk(parsed(p)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(n.split(".")[0] == "keras" for n in names):
                wrong.append(name(p))
    assert wrong == []


def is_primitive(node):
    """Is it `....primitive` or `....primitive.name`?"""
    if isinstance(node, ast.Attribute) and node.attr == "name":
        node = node.value
    return isinstance(node, ast.Attribute) and node.attr == "primitive"


def decisive(node):
    """The parts of a node on which it may decide."""
    match node:
        case ast.Compare(comparators=[ast.Constant(value=None)]):
            return []
        case ast.Compare():
            return [node.left, *node.comparators]
        case ast.Subscript(slice=key) | ast.Call(func=ast.Attribute(attr="get"), args=[key, *_]):
            return [key]
        case ast.Match(subject=subject):
            return [subject]
        case ast.Assign(value=ast.Tuple(elts=values)):
            return [v for v in values if isinstance(v, ast.Attribute) and v.attr == "name"]
    return []


def branches(path):
    """Lines that compare a primitive, look it up or keep its name to do so."""
    return [
        node.lineno for node in ast.walk(parsed(path)) if any(map(is_primitive, decisive(node)))
    ]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_other_file_branches_on_primitives(path):
    found = [f"{name(path)}:{line}" for line in branches(path)]
    assert found == [] or name(path) in NAMES_PRIMITIVES, "ask for the family or a trait instead"


def test_no_exception_without_need():
    assert {(of(p), other) for p in LAMELLA.rglob("*.py") for other, *_ in upward(p)} == set(UPWARD)
    assert {name(p) for p in SOURCES if branches(p)} == NAMES_PRIMITIVES
    assert {name(p) for p in SOURCES if lines(p) > LONGEST_FILE} == LONG_FILES
    sizes = [f for p in SOURCES for f in functions(p)]
    assert {f for f, size in sizes if size > LONGEST_FUNCTION} == LONG_FUNCTIONS


def lines(path):
    return len(path.read_text().splitlines())


def functions(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name(path)}:{node.name}", node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_sizes(path):
    assert lines(path) <= LONGEST_FILE or name(path) in LONG_FILES
    long = [f for f in functions(path) if f[1] > LONGEST_FUNCTION and f[0] not in LONG_FUNCTIONS]
    assert long == []
