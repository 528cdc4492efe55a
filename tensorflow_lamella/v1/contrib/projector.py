"""tf.contrib.tensorboard.plugins.projector: which variables TensorBoard shows as points."""

from __future__ import annotations

import os
from typing import Any

from tensorflow_lamella.names import export

_AT = "contrib.tensorboard.plugins.projector"


class SpriteMetadata:
    """One image that holds a thumbnail for each point."""

    def __init__(self) -> None:
        self.image_path = ""
        self.single_image_dim: list[int] = []


class EmbeddingInfo:
    """What is shown of one variable."""

    def __init__(self) -> None:
        self.tensor_name = self.metadata_path = self.tensor_path = self.bookmarks_path = ""
        self.sprite = SpriteMetadata()

    def text(self) -> str:
        """As a message in text form."""
        names = ("tensor_name", "metadata_path", "bookmarks_path", "tensor_path")
        lines = [f'  {name}: "{value}"\n' for name in names if (value := getattr(self, name))]
        if self.sprite.image_path:
            sizes = "".join(f"    single_image_dim: {n}\n" for n in self.sprite.single_image_dim)
            path = f'    image_path: "{self.sprite.image_path}"\n'
            lines.append(f"  sprite {{\n{path}{sizes}  }}\n")
        return f"embeddings {{\n{''.join(lines)}}}\n"


class _Embeddings(list[EmbeddingInfo]):
    def add(self) -> EmbeddingInfo:
        """A new entry, to be filled in."""
        self.append(EmbeddingInfo())
        return self[-1]


@export(f"{_AT}.ProjectorConfig", version=1)
class ProjectorConfig:
    """The variables that are shown: `config.embeddings.add().tensor_name = variable.name`."""

    def __init__(self) -> None:
        self.embeddings = _Embeddings()
        self.model_checkpoint_path = ""


@export(f"{_AT}.visualize_embeddings", version=1)
def visualize_embeddings(summary_writer: Any, config: ProjectorConfig) -> None:
    """Write `projector_config.pbtxt` beside the event files of a FileWriter, or into a folder."""
    folder = summary_writer if isinstance(summary_writer, str) else summary_writer.get_logdir()
    path = config.model_checkpoint_path
    head = f'model_checkpoint_path: "{path}"\n' if path else ""
    with open(os.path.join(folder, "projector_config.pbtxt"), "w") as file:
        file.write(head + "".join(info.text() for info in config.embeddings))
