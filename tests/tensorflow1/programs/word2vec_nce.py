"""Skip-gram embeddings with noise-contrastive estimation; similarity by normalised dot products."""
import collections
import math
import random

import numpy as np
import tensorflow as tf

random.seed(0)
np.random.seed(0)
# a toy language: words of a group stand beside each other
groups = [["cat", "dog", "horse", "cow"], ["red", "green", "blue", "white"],
          ["one", "two", "three", "four"], ["run", "walk", "jump", "swim"]]
words = []
for _ in range(400):
    group = random.choice(groups)
    for _ in range(3):
        words.extend(random.sample(group, 4))

count = collections.Counter(words).most_common()
dictionary = {word: i for i, (word, _) in enumerate(count)}
reverse_dictionary = dict(zip(dictionary.values(), dictionary.keys()))
data = [dictionary[w] for w in words]
vocabulary_size = len(dictionary)
data_index = 0


def generate_batch(batch_size, num_skips, skip_window):
    global data_index
    batch = np.ndarray(shape=(batch_size), dtype=np.int32)
    labels = np.ndarray(shape=(batch_size, 1), dtype=np.int32)
    span = 2 * skip_window + 1
    buffer = collections.deque(maxlen=span)
    for _ in range(span):
        buffer.append(data[data_index])
        data_index = (data_index + 1) % len(data)
    for i in range(batch_size // num_skips):
        context = [w for w in range(span) if w != skip_window]
        for j, c in enumerate(random.sample(context, num_skips)):
            batch[i * num_skips + j] = buffer[skip_window]
            labels[i * num_skips + j, 0] = buffer[c]
        buffer.append(data[data_index])
        data_index = (data_index + 1) % len(data)
    return batch, labels


batch_size, embedding_size, num_sampled = 128, 16, 4
valid_examples = np.array([dictionary[w] for group in groups for w in group])
graph = tf.Graph()
with graph.as_default():
    train_inputs = tf.placeholder(tf.int32, shape=[batch_size])
    train_labels = tf.placeholder(tf.int32, shape=[batch_size, 1])
    valid_dataset = tf.constant(valid_examples, dtype=tf.int32)
    with tf.device('/cpu:0'):
        embeddings = tf.Variable(tf.random_uniform([vocabulary_size, embedding_size], -0.1, 0.1))
        embed = tf.nn.embedding_lookup(embeddings, train_inputs)
        nce_weights = tf.Variable(tf.truncated_normal([vocabulary_size, embedding_size],
                                                      stddev=1.0 / math.sqrt(embedding_size)))
        nce_biases = tf.Variable(tf.zeros([vocabulary_size]))
    loss = tf.reduce_mean(tf.nn.nce_loss(weights=nce_weights, biases=nce_biases,
                                         labels=train_labels, inputs=embed,
                                         num_sampled=num_sampled, num_classes=vocabulary_size))
    optimizer = tf.train.GradientDescentOptimizer(2.0).minimize(loss)
    norm = tf.sqrt(tf.reduce_sum(tf.square(embeddings), 1, keep_dims=True))
    normalized_embeddings = embeddings / norm
    valid_embeddings = tf.nn.embedding_lookup(normalized_embeddings, valid_dataset)
    similarity = tf.matmul(valid_embeddings, normalized_embeddings, transpose_b=True)
    init = tf.global_variables_initializer()

with tf.Session(graph=graph) as session:
    init.run()
    average_loss = 0
    for step in range(1500):
        batch_inputs, batch_labels = generate_batch(batch_size, 2, 1)
        _, loss_val = session.run([optimizer, loss],
                                  feed_dict={train_inputs: batch_inputs, train_labels: batch_labels})
        average_loss += loss_val
        if step % 500 == 499:
            print("Average loss at step", step, ":", average_loss / 500)
            average_loss = 0
    sim = similarity.eval()
    hits = 0
    for i, word in enumerate(w for group in groups for w in group):
        nearest = [reverse_dictionary[k] for k in (-sim[i, :]).argsort()[1:4]]
        hits += sum(w in groups[i // 4] for w in nearest)
        if i % 4 == 0:
            print("Nearest to %s: %s" % (word, ", ".join(nearest)))
    print("same group %.2f" % (hits / 48.))
