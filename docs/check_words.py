"""Finds the words of docs/words_to_avoid.txt in what people read: pages, comments, docstrings and texts."""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORDS = ROOT / "docs" / "words_to_avoid.txt"
EXEMPT = {ROOT / "docs" / "style.md"}
"""It quotes the words."""

READ = ("gossim/**/*.py", "docs/**/*.py", "docs/**/*.md", "README.md", "CONTRIBUTING.md", "scenarios/*.yaml")
PROSE = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def avoided(text: str) -> dict[re.Pattern[str], str]:
    """Return a pattern for each line `words -> better` of a list, with what is better."""
    lines = [line.partition(" -> ") for line in text.splitlines() if line and not line.startswith("#")]
    gap = r"\s+(?:# )?"  # also from one line to the next
    return {re.compile(rf"\b{words.replace(' ', gap)}\b", re.IGNORECASE): better for words, _, better in lines}


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the first line number and the text of each piece of prose: all of a page; of Python, comments and texts."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield 1, text
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in PROSE:
            # What stands in braces is a name, not prose.
            yield token.start[0], re.sub(r"\{[^{}\n]*\}", "{}", token.string)


def findings(path: Path, words: dict[re.Pattern[str], str]) -> Iterator[str]:
    """Yield `file:line: 'words': rather ...` for each place in `path`."""
    for start, text in prose(path):
        for pattern, better in words.items():
            for found in pattern.finditer(text):
                line = start + text.count("\n", 0, found.start())
                yield f"{path}:{line}: '{' '.join(found[0].split())}': rather {better}"


def main() -> int:
    words = avoided(WORDS.read_text(encoding="utf-8"))
    paths = sorted({path for pattern in READ for path in ROOT.glob(pattern)} - EXEMPT)
    found = [line for path in paths for line in findings(path, words)]
    print("\n".join(found) or f"{len(paths)} files without words to avoid")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
