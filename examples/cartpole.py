"""An agent learns to balance a pole: policy gradients, with the world inside the compiled step.

    lamella run examples/cartpole.py

It shows `lamella.scan` inside a `train_step`: 32 games of 500 moves are played by a loop that
belongs to the compiled program like the network does, then the policy is improved by the advantage
of what followed each move over what a second network expected (Sutton and Barto, Reinforcement
Learning, chapter 13). The world is the cart and pole of Barto, Sutton and Anderson (1983), written
below in NumPy.

Data: none, it is simulated.
Score: the pole stands for 500.0 of 500 moves, the mean of 100 games that were not trained on, after
10 seconds. With pushes drawn by lot it stands for 22.
"""

import keras
import numpy as np
from keras import layers, ops

import lamella
from lamella.keras import gradients

GAMES, MOVES, DISCOUNT = 32, 500, 0.99


def move(state, right):
    """The state (games, 4) 0.02 seconds after a push of 10 newtons to the right (1) or left (0).

    A state is the cart's position and speed and the pole's angle and angular speed.
    """
    _, speed, angle, spin = (state[:, i] for i in range(4))
    pole_mass, total_mass, half_length = 0.1, 1.1, 0.5
    push = (20.0 * right - 10.0 + pole_mass * half_length * spin**2 * np.sin(angle)) / total_mass
    inertia = half_length * (4 / 3 - pole_mass * np.cos(angle) ** 2 / total_mass)
    turn = (9.8 * np.sin(angle) - np.cos(angle) * push) / inertia
    pull = push - pole_mass * half_length * turn * np.cos(angle) / total_mass
    changes = np.stack([speed, pull, spin, turn], axis=1)
    return state + np.float32(0.02) * changes


def stands(state):
    """1 where the game goes on: the cart within 2.4 metres, the pole within 12 degrees."""
    fine = (np.abs(state[:, 0]) < 2.4) & (np.abs(state[:, 2]) < np.pi / 15)
    return fine.astype("float32")


class Agent(keras.Model):
    def __init__(self):
        super().__init__()
        self.policy = keras.Sequential([layers.Dense(32, "tanh"), layers.Dense(1)])
        self.expects = keras.Sequential([layers.Dense(32, "tanh"), layers.Dense(1)])
        self.seed = keras.random.SeedGenerator(1)

    def build(self, shape):
        self.policy.build(shape)
        self.expects.build(shape)

    def call(self, state):
        """How much more likely a push to the right is than one to the left, as a logit."""
        return self.policy(state)[:, 0]

    def play(self, start, chances):
        """Play from `start` (games, 4); `chances` (moves, games) decide between the moves.

        Returns states (moves, games, 4), moves, and whether each game was still on: (moves, games).
        """

        def one_move(carry, chance):
            state, on = carry
            right = (chance < ops.sigmoid(self(state))).astype("float32")
            after = move(state, right)
            return (after, on * stands(after)), (state, right, on)

        return lamella.scan(one_move, (start, np.ones(start.shape[0], "float32")), chances)[1]

    def train_step(self, start):
        chances = keras.random.uniform((MOVES, GAMES), seed=self.seed)
        states, right, on = map(ops.stop_gradient, self.play(start, chances))
        _, returns = lamella.scan(  # of each move: what is won from it to the end
            lambda later, on: (on + DISCOUNT * later,) * 2, ops.zeros(GAMES), on, reverse=True
        )
        flat, returns = states.reshape(-1, 4), returns.reshape(-1)
        weight = on.reshape(-1) / ops.sum(on)
        advantage = returns - self.expects(flat)[:, 0]
        surprise = ops.binary_crossentropy(right.reshape(-1), self(flat), from_logits=True)
        loss = ops.sum(weight * (surprise * ops.stop_gradient(advantage) + 0.5 * advantage**2))
        weights = self.trainable_variables
        self.optimizer.apply(gradients(loss, weights), weights)
        return {"moves": ops.sum(on) / GAMES}


def score(agent: Agent) -> float:
    """For how many moves the pole stands when the agent always makes the likelier move."""
    start = np.random.default_rng(2).uniform(-0.05, 0.05, size=(100, 4)).astype("float32")
    chances = np.full((MOVES, 100), 0.5, "float32")
    _, _, on = lamella.jit(agent.play)(start, chances)
    return float(on.sum(axis=0).mean())


def main() -> None:
    keras.utils.set_random_seed(1)
    starts = np.random.default_rng(1).uniform(-0.05, 0.05, size=(20 * GAMES, 4)).astype("float32")

    agent = Agent()
    agent.build((None, 4))
    agent.compile(keras.optimizers.Adam(1e-2, clipnorm=1.0))
    agent.fit(starts, batch_size=GAMES, epochs=10, verbose=2)
    print(f"{keras.backend.backend()}: the pole stands for {score(agent):.1f} moves")


if __name__ == "__main__":
    main()
