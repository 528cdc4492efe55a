"""Tensors, dtypes, shapes, variables: what a program sees of them."""

import copy
import pickle

import numpy as np
import pytest


def test_tensor_tells_what_it_is(tf):
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert x.shape == (2, 2)
    assert x.shape.as_list() == [2, 2]
    assert x.dtype == tf.float32
    assert tf.float32 == "float32"
    assert tf.float32 == np.float32
    assert (x.ndim, len(x)) == (2, 2)
    assert repr(x).startswith("<tf.Tensor: shape=(2, 2), dtype=float32, numpy=")
    assert str(tf.constant(3)) == "tf.Tensor(3, shape=(), dtype=int32)"
    assert [float(row[0]) for row in x] == [1.0, 3.0]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(1, "int32"), (2**40, "int64"), (1.5, "float32"), (True, "bool"), ("a", "string"),
     (1j, "complex128"), (np.float64(1), "float64"), ([np.int64(1)], "int64"),
     ([1, 2.5], "float32")],
)  # fmt: skip
def test_dtype_of_python_values(tf, value, dtype):
    assert tf.constant(value).dtype.name == dtype


def test_python_and_numpy_values_take_the_dtype_of_the_tensor(tf):
    x = tf.constant([1.0, 2.0])
    assert (x * 2).dtype == tf.float32
    assert (np.array([1.0, 2.0]) + x).dtype == tf.float32
    assert isinstance(np.array([1.0, 2.0]) + x, tf.Tensor)
    assert (tf.constant([1.0], tf.float64) + 1).dtype == tf.float64


def test_tensors_of_two_dtypes_are_refused(tf):
    with pytest.raises(TypeError, match=r"float32 and int32; use tf\.cast"):
        tf.constant(1.0) + tf.constant(1)
    with pytest.raises(TypeError, match="Cannot convert"):
        tf.constant([1, 2]) * 0.5


def test_numbers_leave_a_tensor(tf):
    x = tf.constant(2.5)
    assert (float(x), int(x), bool(x), f"{x:.1f}") == (2.5, 2, True, "2.5")
    assert x.numpy() == np.float32(2.5)
    assert [10, 20, 30][tf.constant(1)] == 20
    assert np.mean(tf.constant([1.0, 3.0])) == 2.0
    assert tf.constant("hi").numpy() == b"hi"
    assert tf.constant([b"a\0", b"b"])[0].numpy() == b"a\0"


def test_tensors_are_compared_by_element_and_are_not_keys(tf):
    x = tf.constant([1, 2])
    assert (x == [1, 3]).numpy().tolist() == [True, False]
    assert not (x == tf.constant([1, 2, 3])).numpy()
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    assert {x.ref(): 1}[x.ref()] == 1
    assert x.ref().deref() is x


def test_a_tensor_without_axes_is_not_a_sequence(tf):
    with pytest.raises(TypeError, match="scalar"):
        iter(tf.constant(1.0))
    with pytest.raises(TypeError, match="len"):
        len(tf.constant(1.0))


def test_what_cannot_be_converted_says_so(tf):
    with pytest.raises(ValueError, match="non-rectangular"):
        tf.constant([[1, 2], [3]])
    with pytest.raises(ValueError, match="None"):
        tf.constant(None)
    with pytest.raises(TypeError, match=r"reduce_sum\(\) has no argument 'axes'; it has"):
        tf.reduce_sum([1.0], axes=0)


def test_shape_with_unknown_sizes(tf):
    shape = tf.TensorShape([None, 3])
    assert (shape.as_list(), shape.rank) == ([None, 3], 2)
    assert not shape.is_fully_defined()
    assert shape.is_compatible_with([5, 3])
    assert not shape.is_compatible_with([5, 4])
    assert shape.merge_with([2, None]) == [2, 3]
    assert tf.TensorShape(None).rank is None
    assert tf.TensorShape(None).concatenate([2]) == tf.TensorShape(None)
    with pytest.raises(ValueError, match="known rank"):
        tf.TensorShape(None).as_list()


def test_dtypes(tf):
    assert np.zeros(2, tf.float16).dtype == np.float16
    assert tf.as_dtype("float") == tf.float32
    assert tf.int32.max == 2**31 - 1
    assert tf.float32.is_floating
    assert not tf.int8.is_floating
    with pytest.raises(TypeError, match="not the dtype"):
        tf.as_dtype("float31")


def test_variable_is_assigned(tf):
    v = tf.Variable([1.0, 2.0], name="w")
    assert v.name == "w:0"
    assert v.assign_add([1.0, 1.0]) is v
    v.assign_sub(tf.constant([0.5, 0.0]))
    assert v.numpy().tolist() == [1.5, 3.0]
    assert (v * 2)[1].numpy() == 6.0
    with pytest.raises(ValueError, match="Shape mismatch"):
        v.assign([1.0, 2.0, 3.0])
    kept = v.read_value()
    v.assign([0.0, 0.0])
    assert kept.numpy().tolist() == [1.5, 3.0]


def test_variable_of_changing_shape(tf):
    v = tf.Variable([1.0], shape=tf.TensorShape([None]))
    v.assign([1.0, 2.0])
    assert tf.reduce_sum(v).numpy() == 3.0


def test_variable_parts_are_scattered_into(tf):
    v = tf.Variable([1.0, 2.0, 3.0])
    v.scatter_nd_update([[0], [2]], [9.0, 8.0])
    v.scatter_nd_add([[1]], [5.0])
    assert v.numpy().tolist() == [9.0, 7.0, 8.0]


def test_module_collects_variables(tf):
    class Inner(tf.Module):
        def __init__(self):
            super().__init__()
            self.b = tf.Variable(0.0, trainable=False)

    class Outer(tf.Module):
        def __init__(self):
            super().__init__(name="outer")
            self.a = tf.Variable(1.0)
            self.inner = [Inner()]

    m = Outer()
    assert m.name == "outer"
    assert [v.numpy() for v in m.variables] == [1.0, 0.0]
    assert len(m.trainable_variables) == 1
    assert len(m.submodules) == 1


def test_missing_name_tells_the_nearest_and_the_line(tf):
    with pytest.raises(AttributeError, match=r"tf.math.reduce_summ .*tf.math.reduce_sum"):
        tf.math.reduce_summ  # noqa: B018
    with pytest.raises(AttributeError, match=r"test_tensor.py:\d+"):
        tf.quantum_entangle  # noqa: B018


def test_what_is_not_there_tells_what_to_use(tf):
    with pytest.raises(AttributeError, match=r"tf\.raw_ops .*tf\.math"):
        tf.raw_ops.Add(x=1, y=2)
    with pytest.raises(AttributeError, match=r"tf\.lite .*the real TensorFlow"):
        tf.lite.Interpreter("model.tflite")


def test_tables(tf):
    start = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2])
    table = tf.lookup.StaticHashTable(start, default_value=-1)
    assert table.lookup(tf.constant([["b", "x"]])).numpy().tolist() == [[2, -1]]
    vocabulary = tf.lookup.KeyValueTensorInitializer(["a", "b"], np.array([0, 1]))
    numbers = tf.lookup.StaticVocabularyTable(vocabulary, 2).lookup(["b", "x", "a"]).numpy()
    assert (numbers[0], numbers[2]) == (1, 0)
    assert numbers[1] in (2, 3)


def test_modules_are_imported_by_their_names(tf):
    import tensorflow.compat.v2
    import tensorflow.linalg
    from tensorflow.math import reduce_sum

    assert reduce_sum is tf.reduce_sum
    assert tensorflow.linalg.norm is tf.norm
    with pytest.raises(ModuleNotFoundError):
        import tensorflow.nothing_of_the_kind


def test_pickle_and_copy(tf):
    x = pickle.loads(pickle.dumps(tf.constant([1.0, 2.0])))
    assert isinstance(x, tf.Tensor)
    assert x.numpy().tolist() == [1.0, 2.0]
    v = tf.Variable(1.0)
    w = copy.deepcopy(v)
    w.assign(2.0)
    assert v.numpy() == 1.0


def test_different_dtypes_are_an_error_of_either_kind(tf):
    """Books catch InvalidArgumentError, programs of graphs TypeError."""
    for kind in (tf.errors.InvalidArgumentError, TypeError):
        with pytest.raises(kind, match="float32 and int32"):
            tf.constant(2.0) + tf.constant(40)


def test_python_functions_of_tensors_and_of_arrays(tf):
    """Guides of records: tf.py_function(f, (a, b), tf.string) with a.numpy() in f."""

    def total(a, b):
        assert a.dtype == tf.float32
        return a.numpy() + b

    given = (tf.constant([1.0, 2.0]), tf.constant(3.0))
    assert tf.py_function(total, given, tf.float32).numpy().tolist() == [4.0, 5.0]
    rows = tf.data.Dataset.from_tensor_slices(given[0]).map(
        lambda x: tuple(tf.py_function(lambda y: [y, str(y.numpy())], [x], (tf.float32, tf.string)))
    )
    assert [(float(a), b.numpy()) for a, b in rows] == [(1.0, b"1.0"), (2.0, b"2.0")]
    array = tf.numpy_function(
        lambda a: a * (2 if type(a) is np.ndarray else 0), given[:1], "float32"
    )
    assert array.numpy().tolist() == [2.0, 4.0]


def test_tf_print(tf, capsys):
    tf.print("x:", tf.constant([1.0, 2.5]), {"k": tf.constant(3)}, [tf.constant(True)])
    tf.print(tf.range(10), summarize=2)
    assert capsys.readouterr().err == "x: [1 2.5] {'k': 3} [1]\n[0 1 ... 8 9]\n"


def test_nest(tf):
    assert tf.nest.flatten({"a": [1, (2, 3)], "b": None}) == [1, 2, 3, None]
    assert tf.nest.map_structure(lambda x: x * 2, [1, (2,)]) == [2, (4,)]
    assert tf.nest.pack_sequence_as([1, (2, 3)], [7, 8, 9]) == [7, (8, 9)]
    with pytest.raises(ValueError, match="structure"):
        tf.nest.assert_same_structure([1], [1, 2])


def test_debugging(tf):
    tf.debugging.assert_equal(tf.constant([1, 2]), [1, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be even"):
        tf.debugging.assert_less(tf.constant(3), 2, message="must be even")
    with pytest.raises(ValueError, match="rank 1"):
        tf.debugging.assert_rank(tf.zeros([2, 2]), 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="NaN"):
        tf.debugging.check_numerics(tf.constant([np.nan]), "here")
    tf.debugging.assert_shapes([(tf.zeros([2, 3]), ("n", 3)), (tf.zeros([2]), ("n",))])
    with pytest.raises(ValueError, match="'n' is 2 and 4"):
        tf.debugging.assert_shapes([(tf.zeros([2, 3]), ("n", 3)), (tf.zeros([4]), ("n",))])


def test_devices(tf):
    assert tf.config.list_physical_devices("GPU") == []
    assert len(tf.config.list_physical_devices()) == 1
    with tf.device("/GPU:0"):
        assert tf.constant(1).numpy() == 1
    assert tf.executing_eagerly()


def test_a_random_generator_follows_its_seed(tf):
    draws = [tf.random.Generator.from_seed(3).normal([4]).numpy() for _ in range(2)]
    assert np.array_equal(*draws)
    generator = tf.random.Generator.from_seed(3)
    assert np.array_equal(generator.normal([4]).numpy(), draws[0])
    assert not np.array_equal(generator.normal([4]).numpy(), draws[0])


def test_random_numbers_have_their_distributions(tf):
    tf.random.set_seed(1)
    n = 20000
    assert abs(float(tf.reduce_mean(tf.random.normal([n], 2.0, 3.0))) - 2.0) < 0.1
    assert float(tf.reduce_max(tf.abs(tf.random.truncated_normal([n])))) <= 2.0
    whole = tf.random.uniform([n], 3, 7, tf.int32).numpy()
    assert set(whole) == {3, 4, 5, 6}
    assert abs(float(tf.reduce_mean(tf.random.gamma([n], 3.0, 2.0))) - 1.5) < 0.1
    assert abs(float(tf.reduce_mean(tf.random.poisson([n], 4.0))) - 4.0) < 0.1
    counts = np.bincount(tf.random.categorical([[0.0, np.log(3.0)]], n).numpy()[0])
    assert abs(counts[1] / n - 0.75) < 0.02
    assert sorted(tf.random.shuffle(tf.range(9)).numpy()) == list(range(9))
    one = tf.random.stateless_uniform([3], seed=[1, 2])
    assert np.array_equal(one, tf.random.stateless_uniform([3], seed=[1, 2]))
    dropped = tf.nn.dropout(tf.ones([n]), 0.25).numpy()
    assert abs((dropped == 0).mean() - 0.25) < 0.02
    assert np.allclose(dropped[dropped > 0], 1 / 0.75)


def test_test_case(tf):
    class Case(tf.test.TestCase):
        def runTest(self):
            self.assertAllClose(tf.constant([1.0, 2.0]), [1.0, 2.0])
            self.assertAllEqual(self.evaluate(tf.constant([1])), [1])
            with pytest.raises(AssertionError):
                self.assertAllClose(tf.constant(1.0), 1.1)
            with pytest.raises(AssertionError, match="greater"):
                self.assertAllGreater(tf.constant([1.0, 3.0]), 2.0)

    Case().debug()


def test_the_table_of_what_there_is(tf):
    from tensorflow_lamella import coverage

    table = coverage.table()
    for module in ("tf", "tf.math", "tf.nn", "tf.random", "tf.linalg", "tf.image"):
        assert table[module]
    assert table["tf.math"]["reduce_sum"]
    assert table["tf.nn"]["nce_loss"]  # kept with TensorFlow 1
    assert not table["tf"]["CriticalSection"]
    assert not table["tf.math"]["zeta"]
    assert table["tf.data.Dataset"]["padded_batch"]
    assert coverage.in_tensorflow_2("random.log_uniform_candidate_sampler")
    assert not coverage.in_tensorflow_2("placeholder")
