"""Keras 2: encoder and decoder LSTMs with return_state; as in examples/lstm_seq2seq.py."""
import numpy as np
from keras.models import Model
from keras.layers import Input, LSTM, Dense

np.random.seed(0)
tokens, length, latent_dim = 6, 4, 48
source = np.random.randint(1, tokens, size=(500, length))
target = source[:, ::-1]
eye = np.eye(tokens)
encoder_input_data = eye[source]
decoder_input_data = eye[np.concatenate([np.zeros((500, 1), int), target[:, :-1]], axis=1)]
decoder_target_data = eye[target]

encoder_inputs = Input(shape=(None, tokens))
encoder = LSTM(latent_dim, return_state=True)
encoder_outputs, state_h, state_c = encoder(encoder_inputs)
encoder_states = [state_h, state_c]
decoder_inputs = Input(shape=(None, tokens))
decoder_lstm = LSTM(latent_dim, return_sequences=True, return_state=True)
decoder_outputs, _, _ = decoder_lstm(decoder_inputs, initial_state=encoder_states)
decoder_dense = Dense(tokens, activation='softmax')
decoder_outputs = decoder_dense(decoder_outputs)
model = Model([encoder_inputs, decoder_inputs], decoder_outputs)
model.compile(optimizer='adam', loss='categorical_crossentropy', metrics=['accuracy'])
model.optimizer.lr = 0.01
model.fit([encoder_input_data, decoder_input_data], decoder_target_data,
          batch_size=25, epochs=25, validation_split=0.1, verbose=0)

encoder_model = Model(encoder_inputs, encoder_states)
decoder_state_input_h = Input(shape=(latent_dim,))
decoder_state_input_c = Input(shape=(latent_dim,))
decoder_states_inputs = [decoder_state_input_h, decoder_state_input_c]
decoder_outputs, state_h, state_c = decoder_lstm(decoder_inputs, initial_state=decoder_states_inputs)
decoder_model = Model([decoder_inputs] + decoder_states_inputs,
                      [decoder_dense(decoder_outputs), state_h, state_c])

def decode_sequence(input_seq):
    states_value = encoder_model.predict(input_seq, verbose=0)
    target_seq = eye[[[0]]]
    decoded = []
    for _ in range(length):
        output_tokens, h, c = decoder_model.predict([target_seq] + states_value, verbose=0)
        decoded.append(int(np.argmax(output_tokens[0, -1, :])))
        target_seq = eye[[decoded[-1:]]]
        states_value = [h, c]
    return decoded

right = sum(decode_sequence(encoder_input_data[i:i + 1]) == list(target[i]) for i in range(20))
print(right, 'of 20')
assert right >= 15
