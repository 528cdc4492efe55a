"""REINFORCE on a small corridor."""
import numpy as np
import tensorflow as tf

np.random.seed(2)
tf.set_random_seed(2)
SIZE, GOAL = 6, 5


def step(s, a):
    s = min(max(s + (1 if a == 1 else -1), 0), SIZE - 1)
    return s, (1.0 if s == GOAL else -0.05), s == GOAL


class Agent:
    def __init__(self, lr, h_size):
        self.state_in = tf.placeholder(shape=[None, SIZE], dtype=tf.float32)
        hidden = tf.contrib.layers.fully_connected(self.state_in, h_size, biases_initializer=None,
                                                   activation_fn=tf.nn.relu)
        self.output = tf.contrib.layers.fully_connected(hidden, 2, activation_fn=tf.nn.softmax,
                                                        biases_initializer=None)
        self.reward_holder = tf.placeholder(shape=[None], dtype=tf.float32)
        self.action_holder = tf.placeholder(shape=[None], dtype=tf.int32)
        self.indexes = tf.range(0, tf.shape(self.output)[0]) * tf.shape(self.output)[1] + self.action_holder
        self.responsible_outputs = tf.gather(tf.reshape(self.output, [-1]), self.indexes)
        self.loss = -tf.reduce_mean(tf.log(self.responsible_outputs) * self.reward_holder)
        tvars = tf.trainable_variables()
        self.gradient_holders = [tf.placeholder(tf.float32, name=str(i) + '_holder')
                                 for i, _ in enumerate(tvars)]
        self.gradients = tf.gradients(self.loss, tvars)
        optimizer = tf.train.AdamOptimizer(learning_rate=lr)
        self.update_batch = optimizer.apply_gradients(zip(self.gradient_holders, tvars))


def discount(r, gamma=0.95):
    out, running = np.zeros(len(r)), 0.0
    for t in reversed(range(len(r))):
        running = running * gamma + r[t]
        out[t] = running
    return out


tf.reset_default_graph()
agent = Agent(lr=1e-2, h_size=8)
one_hot = np.eye(SIZE)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    grad_buffer = [g * 0 for g in sess.run(tf.trainable_variables())]
    lengths = []
    for episode in range(150):
        s, states, actions, rewards = 0, [], [], []
        for _ in range(40):
            p = sess.run(agent.output, feed_dict={agent.state_in: [one_hot[s]]})[0]
            a = np.random.choice(2, p=p / p.sum())
            s1, r, done = step(s, a)
            states.append(one_hot[s]); actions.append(a); rewards.append(r)
            s = s1
            if done:
                break
        lengths.append(len(rewards))
        feed = {agent.reward_holder: discount(rewards), agent.action_holder: actions,
                agent.state_in: np.vstack(states)}
        for i, g in enumerate(sess.run(agent.gradients, feed_dict=feed)):
            grad_buffer[i] += g
        if episode % 5 == 4:
            sess.run(agent.update_batch, feed_dict=dict(zip(agent.gradient_holders, grad_buffer)))
            grad_buffer = [g * 0 for g in grad_buffer]
    print("length from %.1f to %.1f" % (np.mean(lengths[:20]), np.mean(lengths[-20:])))
