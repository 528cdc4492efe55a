"""Text as arrays of numbers."""

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

PAD, UNKNOWN = 0, 1


def words(text: str) -> list[str]:
    """Lower-case words and marks: "It's fine." -> ["it's", "fine", "."]"""
    return re.findall(r"[\w']+|[^\w\s]", text.lower())


class Vocabulary:
    """Numbers for the most frequent tokens; 0 is padding and 1 every other token.

    `special` tokens come first, so that their numbers are 2, 3, ...
    """

    def __init__(self, texts: Iterable[Iterable[str]], size: int, special: tuple[str, ...] = ()):
        counts = Counter(token for text in texts for token in text)
        frequent = [token for token, _ in counts.most_common(size - 2 - len(special))]
        self.tokens = ["", "?", *special, *frequent]
        self.numbers = {token: i for i, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, texts: Iterable[Iterable[str]], length: int) -> np.ndarray:
        """(texts, length) int32: the first tokens of each text, then padding."""
        rows = [[self.numbers.get(t, UNKNOWN) for t in text][:length] for text in texts]
        return np.array([row + [PAD] * (length - len(row)) for row in rows], "int32")

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The tokens of one row, without padding."""
        return [self.tokens[i] for i in numbers if i != PAD]
