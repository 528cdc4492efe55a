"""tf.io: files, records, images in files."""
