"""Several graphs, several sessions with variables of their own, names, collections, errors."""
import tensorflow as tf

g1, g2 = tf.Graph(), tf.Graph()
with g1.as_default():
    v = tf.get_variable("v", shape=[1], initializer=tf.zeros_initializer())
    inc = tf.assign(v, v + 1)
with g2.as_default():
    v2 = tf.get_variable("v", shape=[1], initializer=tf.ones_initializer())
    with tf.variable_scope("a"):
        with tf.variable_scope("b"):
            inner = tf.get_variable("v", [2])
        with tf.name_scope("ignored"):
            other = tf.get_variable("w", [2])
            added = tf.add(other, 1.0, name="plus")
    with tf.variable_scope("a", reuse=True):
        assert tf.get_variable("w") is other
    init2 = tf.global_variables_initializer()
print("names", v2.name, inner.name, other.name, added.name)

s1, s2 = tf.Session(graph=g1), tf.Session(graph=g1)
with g1.as_default():
    init = tf.global_variables_initializer()
for s in (s1, s2):
    s.run(init)
for _ in range(3):
    s1.run(inc)
s2.run(inc)
print("own values", s1.run(v)[0], s2.run(v)[0])
with tf.Session(graph=g2) as sess:
    try:
        sess.run(v2)
    except tf.errors.FailedPreconditionError as e:
        print("uninitialised:", "v" in str(e))
    sess.run(init2)
    print("by name", sess.run("v:0")[0], g2.get_tensor_by_name("v:0").shape)
    try:
        sess.run(v)
    except ValueError as e:
        print("foreign:", "graph" in str(e))
with g2.as_default():
    p = tf.placeholder(tf.float32, [2, 2], name="p")
    d = {"double": p * 2, "pair": (p, [p + 1])}
    try:
        tf.get_variable("v", [1])
    except ValueError as e:
        print("exists:", "already exists" in str(e))
with tf.Session(graph=g2) as sess:
    try:
        sess.run(d)
    except tf.errors.InvalidArgumentError as e:
        print("missing:", "feed a value for placeholder tensor 'p'" in str(e))
    try:
        sess.run(d, {p: [1, 2, 3]})
    except ValueError as e:
        print("shape:", "Cannot feed value of shape (3,)" in str(e))
    out = sess.run(d, {p: [[1, 2], [3, 4]]})
    print("nested", out["double"].tolist(), out["pair"][1][0].tolist())
print("operations", [op.name for op in g1.get_operations()][:2], len(g1.get_collection("variables")))
