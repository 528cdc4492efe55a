"""A network writes down what a voice says, letter by letter.

    lamella run examples/speech_ctc.py

It shows speech recognition without an alignment: log-mel features of the sound, convolutions and a
bidirectional LSTM over them, the CTC loss (Graves and others, 2006), and greedy decoding, scored by
the number of letters that would have to be changed.

Data: announcements for telephones by Allison Smith, Asterisk core sounds, CC BY-SA 3.0: those
of at most four seconds. One voice and few words, so this says nothing about other voices.
Score: 0.26 to 0.28 of the letters of unseen announcements would have to be changed, after about
two minutes; which of them, depends on how a version rounds.
"""

import keras
import numpy as np
from data import telephone_prompts
from keras import layers, ops

LETTERS = "_ 'abcdefghijklmnopqrstuvwxyz"  # the first is CTC's blank, and padding
FRAMES, BANDS, LONGEST = 320, 40, 60


def mel_filters(bands: int, bins: int, rate: int) -> np.ndarray:
    """(bins, bands): triangles, equally spaced as the ear hears."""
    mel = np.linspace(0, 1127 * np.log1p(rate / 2 / 700), bands + 2)
    edges = 700 * np.expm1(mel / 1127)
    f = np.linspace(0, rate / 2, bins)[:, None]
    rise = (f - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - f) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rise, fall))


FILTERS = mel_filters(BANDS, 129, 8000)


def features(samples: np.ndarray) -> np.ndarray:
    """(FRAMES, BANDS) log energies, 25 ms wide, every 12.5 ms."""
    padded = np.pad(samples, (0, FRAMES * 100 + 100 - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 200)[::100][:FRAMES]
    energy = np.abs(np.fft.rfft(frames * np.hanning(200), 256)) ** 2 @ FILTERS
    return np.log(energy + 1e-4).astype("float32")


def letters(text: str) -> np.ndarray:
    """(LONGEST,) the numbers of a text's letters, padded with zeros."""
    numbers = [LETTERS.index(c) for c in text.lower() if c in LETTERS[1:]]
    return np.array(numbers + [0] * (LONGEST - len(numbers)), "int32")


def read(numbers) -> str:
    return "".join(LETTERS[i] for i in numbers if i > 0).strip()


def changes(a: str, b: str) -> int:
    """Levenshtein's distance."""
    row = np.arange(len(b) + 1)
    for i, x in enumerate(a):
        before, row[0] = row.copy(), i + 1
        for j, y in enumerate(b):
            row[j + 1] = min(row[j] + 1, before[j + 1] + 1, before[j] + (x != y))
    return row[-1]


def build(sounds: np.ndarray) -> keras.Model:
    """(n, FRAMES, BANDS) -> (n, FRAMES / 2, letters): logits."""
    scale = layers.Normalization()
    scale.adapt(sounds)
    inputs = keras.Input((FRAMES, BANDS))
    x = layers.Conv1D(96, 5, padding="same", activation="relu")(scale(inputs))
    x = layers.Conv1D(96, 5, strides=2, padding="same", activation="relu")(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Bidirectional(layers.LSTM(96, return_sequences=True))(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, layers.Dense(len(LETTERS))(x))


def main() -> None:
    keras.utils.set_random_seed(1)
    prompts = [(s, t) for s, t in telephone_prompts() if len(s) <= 32_000 and len(t) <= LONGEST]
    order = np.random.default_rng(1).permutation(len(prompts))
    x = np.stack([features(prompts[i][0]) for i in order])
    y = np.stack([letters(prompts[i][1]) for i in order])

    tests, epochs, batch = 50, 60, 16
    steps = epochs * (len(x) - tests) // batch
    model = build(x[tests:])
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), keras.losses.CTC())
    model.fit(x[tests:], y[tests:], batch_size=batch, epochs=epochs, verbose=2)

    logits = model.predict(x[:tests], verbose=0)
    (decoded,), _ = ops.ctc_decode(logits, np.full(tests, FRAMES // 2), mask_index=0)
    heard, said = [read(row) for row in np.asarray(decoded)], [read(row) for row in y[:tests]]
    for pair in list(zip(said, heard))[:6]:
        print("{} -> {}".format(*pair))
    wrong = sum(map(changes, said, heard)) / sum(map(len, said))
    print(f"{keras.backend.backend()}: letter error rate {wrong:.3f}")


if __name__ == "__main__":
    main()
