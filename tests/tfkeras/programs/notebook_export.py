"""A notebook exported as a script (2020): magics and get_ipython among the lines."""
# coding: utf-8
get_ipython().run_line_magic('matplotlib', 'inline')
get_ipython().system('pip install -q tensorflow')
%load_ext autoreload
!pip install -q keras
import numpy as np
import tensorflow as tf
print("%s rows"
      % 4)
x = np.linspace(0, 1, 64)
model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_dim=1)])
model.compile(tf.keras.optimizers.SGD(lr=0.3), 'mse')
if True:
    %time history = model.fit(x, 2 * x + 1, epochs=60, verbose=0)
model.summary?
display(history.history['loss'][-1])
assert history.history['loss'][-1] < 1e-2
