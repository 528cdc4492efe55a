"""tf.contrib.learn.preprocessing.VocabularyProcessor: documents as rows of word numbers."""

from __future__ import annotations

import itertools
import pickle
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tensorflow_lamella.names import export, put

_AT = "contrib.learn.preprocessing"
_WORDS = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z][a-z]+(?=[A-Z])|['\w-]+")


@export(f"{_AT}.tokenizer", version=1)
def tokenizer(documents: Iterable[str]) -> Iterator[list[str]]:
    """The words of each document; `camelCase` is two."""
    for document in documents:
        yield _WORDS.findall(document)


class CategoricalVocabulary:
    """Numbers for words: 0 is every word that is not known, the others in the order they came."""

    def __init__(self, unknown_token: str = "<UNK>", support_reverse: bool = True) -> None:
        self._mapping = {unknown_token: 0}
        self._seen: Counter[str] = Counter()
        self._frozen = False

    def __len__(self) -> int:
        return len(self._mapping)

    def freeze(self, freeze: bool = True) -> None:
        """Words that come from now on are unknown."""
        self._frozen = freeze

    def get(self, category: str) -> int:
        """The number of a word; an unknown one gets the next until `freeze`."""
        if self._frozen:
            return self._mapping.get(category, 0)
        return self._mapping.setdefault(category, len(self._mapping))

    def add(self, category: str, count: int = 1) -> None:
        """See a word."""
        if self.get(category):
            self._seen[category] += count

    def trim(self, min_frequency: int, max_frequency: int = -1) -> None:
        """Keep the words seen more than `min_frequency` times, the most frequent first."""
        words = sorted(self._seen, key=lambda word: (-self._seen[word], word))
        kept = [w for w in words if self._seen[w] > min_frequency
                and not 0 < max_frequency <= self._seen[w]]  # fmt: skip
        unknown = self.reverse(0)
        self._seen = Counter({word: self._seen[word] for word in kept})
        self._mapping = {word: i for i, word in enumerate([unknown, *kept])}

    def reverse(self, class_id: int) -> str:
        """The word of a number."""
        return next(itertools.islice(self._mapping, int(class_id), None))


put(CategoricalVocabulary, f"{_AT}.CategoricalVocabulary", version=1)


@export(f"{_AT}.VocabularyProcessor", version=1)
class VocabularyProcessor:
    """Documents to rows of `max_document_length` word numbers, 0 behind the last word.

    >>> processor = VocabularyProcessor(3)
    >>> list(processor.fit_transform(["a b", "b c d e"]))
    [array([1, 2, 0]), array([2, 3, 4])]
    """

    def __init__(
        self,
        max_document_length: int,
        min_frequency: int = 0,
        vocabulary: Any = None,
        tokenizer_fn: Callable[[Iterable[str]], Iterable[Iterable[str]]] | None = None,
    ) -> None:
        self.max_document_length = max_document_length
        self.min_frequency = min_frequency
        self.vocabulary_ = vocabulary or CategoricalVocabulary()
        self._tokenizer = tokenizer_fn or tokenizer

    def fit(self, raw_documents: Iterable[str], unused_y: Any = None) -> VocabularyProcessor:
        """Learn the words."""
        for words in self._tokenizer(raw_documents):
            for word in words:
                self.vocabulary_.add(word)
        if self.min_frequency > 0:
            self.vocabulary_.trim(self.min_frequency)
        self.vocabulary_.freeze()
        return self

    def fit_transform(
        self, raw_documents: Iterable[str], unused_y: Any = None
    ) -> Iterator[np.ndarray]:
        """Learn the words, and give the rows."""
        documents = list(raw_documents)
        return self.fit(documents).transform(documents)

    def transform(self, raw_documents: Iterable[str]) -> Iterator[np.ndarray]:
        """One row of int64 for each document."""
        for words in self._tokenizer(raw_documents):
            row = np.zeros(self.max_document_length, np.int64)
            found = [self.vocabulary_.get(w) for w in itertools.islice(words, len(row))]
            row[: len(found)] = found
            yield row

    def reverse(self, documents: Iterable[Any]) -> Iterator[str]:
        """The words of rows, with blanks between them."""
        for row in documents:
            yield " ".join(self.vocabulary_.reverse(number) for number in row)

    def save(self, filename: str) -> None:
        """Keep it in a file."""
        with open(filename, "wb") as file:
            pickle.dump(self, file)

    @classmethod
    def restore(cls, filename: str) -> VocabularyProcessor:
        """What `save` wrote."""
        with open(filename, "rb") as file:
            found: VocabularyProcessor = pickle.load(file)
        return found
