"""K-means with tf.unsorted_segment_sum, in two assignments."""
import numpy as np
import tensorflow as tf

np.random.seed(42)
true_centres = np.array([[0., 0.], [5., 5.], [0., 6.]])
points_np = np.concatenate([c + 0.4 * np.random.randn(100, 2) for c in true_centres]).astype("float32")
N, K, MAX_ITERS = len(points_np), 3, 100

points = tf.Variable(points_np, trainable=False)
cluster_assignments = tf.Variable(tf.zeros([N], dtype=tf.int64))
centroids = tf.Variable(points.initialized_value()[::100] + 1.0)

rep_centroids = tf.reshape(tf.tile(centroids, [N, 1]), [N, K, 2])
rep_points = tf.reshape(tf.tile(points, [1, K]), [N, K, 2])
sum_squares = tf.reduce_sum(tf.square(rep_points - rep_centroids), reduction_indices=2)
best_centroids = tf.argmin(sum_squares, 1)
did_assignments_change = tf.reduce_any(tf.not_equal(best_centroids, cluster_assignments))


def bucket_mean(data, bucket_ids, num_buckets):
    total = tf.unsorted_segment_sum(data, bucket_ids, num_buckets)
    count = tf.unsorted_segment_sum(tf.ones_like(data), bucket_ids, num_buckets)
    return total / count


means = bucket_mean(points, best_centroids, K)
with tf.control_dependencies([did_assignments_change]):
    do_updates = tf.group(centroids.assign(means), cluster_assignments.assign(best_centroids))

sess = tf.Session()
sess.run(tf.global_variables_initializer())
changed, iters = True, 0
while changed and iters < MAX_ITERS:
    iters += 1
    [changed, _] = sess.run([did_assignments_change, do_updates])
[centers, assignments] = sess.run([centroids, cluster_assignments])
print("Found in", iters, "iterations")
print("error %.3f" % np.abs(np.sort(centers, 0) - np.sort(true_centres, 0)).max())
