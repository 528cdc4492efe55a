"""Keras 2 (2017): the first network of many a course: columns of a table, model.metrics_names."""
from keras.models import Sequential
from keras.layers import Dense
import numpy

numpy.random.seed(7)
dataset = numpy.random.normal(size=(700, 9))
dataset[:, 8] = dataset[:, 0] + 2 * dataset[:, 3] - dataset[:, 5] > 0
X = dataset[:, 0:8]
Y = dataset[:, 8]
model = Sequential()
model.add(Dense(12, input_dim=8, kernel_initializer='uniform', activation='relu'))
model.add(Dense(8, kernel_initializer='uniform', activation='relu'))
model.add(Dense(1, kernel_initializer='uniform', activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
model.fit(X, Y, epochs=60, batch_size=10, verbose=0)
scores = model.evaluate(X, Y, verbose=0)
message = "%s: %.2f%%" % (model.metrics_names[1], scores[1] * 100)
print(message)
assert message.startswith('acc')
assert scores[1] > 0.9
predictions = model.predict(X, verbose=0)
rounded = [round(float(x[0])) for x in predictions]
assert abs(numpy.mean(rounded == Y) - scores[1]) < 1e-6
