"""The README says what is: its key table is the generated one, and the commands it shows exist."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
START, END = "<!-- keys: made by `python -m mpp_console.tui.actions` -->\n", "<!-- end of keys -->"


def generated() -> str:
    command = [sys.executable, "-m", "mpp_console.tui.actions"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_key_table_is_current() -> None:
    table = TEXT.partition(START)[2].partition(END)[0].strip()
    assert table == generated(), "run: python -m tests.test_readme"


def shown_commands() -> list[tuple[str, ...]]:
    """Every `mpp-console …` line, up to the first word that is neither a command nor its group."""
    found = set()
    for line in re.findall(r"^mpp-console.*", TEXT, re.MULTILINE):
        words = shlex.split(line, comments=True)[1:]
        if words[:1] == ["--profile"]:
            words = words[2:]
        path = []
        for word in words[:2]:
            if not re.fullmatch(r"[a-z]+", word):
                break
            path.append(word)
        found.add(tuple(path))
    return sorted(found)


@pytest.mark.parametrize("path", shown_commands(), ids=" ".join)
def test_shown_commands_exist(path: tuple[str, ...], tmp_path: Path) -> None:
    environment = {**os.environ, "MPP_CONSOLE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "mpp_console", *path, "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
def test_the_imports_of_the_examples_hold(code: str) -> None:
    tree = ast.parse(code)
    imports = [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    exec("\n".join(imports), {})


if __name__ == "__main__":
    before, _, rest = TEXT.partition(START)
    README.write_text(f"{before}{START}{generated()}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
