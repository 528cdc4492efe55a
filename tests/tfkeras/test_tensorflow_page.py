"""The page of old names is what the tables say, and the tables say what there is."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_old_names_is_current():
    tool = runpy.run_path(str(ROOT / "tools" / "tensorflow_names_page.py"))
    page = tool["PAGE"].read_text(encoding="utf-8")
    assert tool["page"]() == page, "run tools/tensorflow_names_page.py"


def test_both_languages_have_the_same_sections_and_rows():
    pages = [(ROOT / "docs" / f"tensorflow{x}.md").read_text("utf-8") for x in ("", ".zh-CN")]
    shapes = [[re.match(r"#+|\||\*|\d|```", line) for line in page.splitlines()] for page in pages]
    counts = [[m[0] for m in shape if m] for shape in shapes]
    assert counts[0] == counts[1]


def test_every_name_of_the_tables_is_found(run):
    out = run("""
        import importlib, keras
        from tensorflow_lamella.keras.names import MODULES, NAMES
        from tensorflow_lamella.keras.arguments import DROPPED, RENAMED
        missing = []
        for name in NAMES:
            path, _, last = name.rpartition('.')
            try:
                getattr(importlib.import_module(path), last)
            except (ImportError, AttributeError) as error:
                if 'scikit-learn' not in str(error):
                    missing.append((name, error))
        for name in MODULES:
            try:
                importlib.import_module(name).__all__
            except ImportError as error:
                if 'scikit-learn' not in str(error):
                    missing.append((name, error))
        print(missing)
    """)
    assert out.strip() == "[]"
