"""The same Keras programs timed on Lamella and on its peers: README.md says how."""
