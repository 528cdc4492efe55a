"""Reading files through queues: not supported, and the error says what to do."""
import tensorflow as tf

filename_queue = tf.train.string_input_producer(["file0.csv", "file1.csv"])
reader = tf.TextLineReader()
key, value = reader.read(filename_queue)
