"""Keras 2: a grid search over KerasClassifier, cross validation of KerasRegressor."""
import numpy as np
from keras.models import Sequential
from keras.layers import Dense
from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score, KFold

np.random.seed(7)
X = np.random.normal(size=(240, 4))
Y = np.where(X[:, 0] * X[:, 1] > 0, 'same', 'other')

def create_model(neurons=1, activation='relu'):
    model = Sequential()
    model.add(Dense(neurons, input_dim=4, activation=activation))
    model.add(Dense(1, activation='sigmoid'))
    model.compile(loss='binary_crossentropy', optimizer='rmsprop', metrics=['accuracy'])
    model.optimizer.lr = 0.02
    return model

model = KerasClassifier(build_fn=create_model, epochs=30, batch_size=10, verbose=0)
grid = GridSearchCV(estimator=model, param_grid=dict(neurons=[1, 16]), cv=3)
grid_result = grid.fit(X, Y)
print("Best: %f using %s" % (grid_result.best_score_, grid_result.best_params_))
assert grid_result.best_params_ == {'neurons': 16}
assert grid_result.best_score_ > 0.8
assert set(grid.predict(X)) == {'same', 'other'}

def baseline():
    model = Sequential([Dense(8, input_dim=4, activation='relu'), Dense(1)])
    model.compile(loss='mean_squared_error', optimizer='adam')
    model.optimizer.lr = 0.02
    return model

estimator = KerasRegressor(build_fn=baseline, nb_epoch=30, batch_size=8, verbose=0)
results = cross_val_score(estimator, X, X.sum(axis=1), cv=KFold(n_splits=3))
assert results.mean() > 0.9
