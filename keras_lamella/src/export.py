"""Export: SavedModel is TensorFlow's; Keras's own archive says so."""

from keras.src.export.saved_model_export_archive import SavedModelExportArchive

__all__ = ["SavedModelExportArchive"]
