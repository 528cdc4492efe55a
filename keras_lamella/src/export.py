"""Export as a SavedModel: TensorFlow's business."""

from keras.src.export import saved_model_export_archive


class SavedModelExportArchive(saved_model_export_archive.SavedModelExportArchive):
    """Refuses, and says what to do."""

    def __init__(self) -> None:
        raise NotImplementedError(
            "`export_saved_model` only currently supports the tensorflow, jax and torch backends. "
            "Save the model with `model.save(...)`, then load and export it in a program that "
            "runs on one of them (KERAS_BACKEND=tensorflow)."
        )


__all__ = ["SavedModelExportArchive"]
