"""Where the names of ten years of Keras are today.

Three tables: modules that moved, names that changed, and names that are gone. The page
docs/tensorflow.md is generated from them and `lamella check` reads them through the modules.
"""

from __future__ import annotations

PREFIXES = {
    "tensorflow.compat.v1.keras": "keras",
    "tensorflow.compat.v2.keras": "keras",
    "tensorflow.contrib.keras.api.keras": "keras",
    "tensorflow.contrib.keras.python.keras": "keras",
    "tensorflow.contrib.keras": "keras",
    "tensorflow.keras": "keras",
    "tensorflow.python.keras.api.keras": "keras",
    "tensorflow.python.keras": "keras",
    "tensorflow_core.keras": "keras",
    "tensorflow_core.python.keras": "keras",
    "tf_keras": "keras",
}
"""Packages that are Keras itself under another name."""

PARENTS = (
    "tensorflow.python", "tensorflow_core", "tensorflow_core.python",
    "tensorflow.contrib.keras.api", "tensorflow.contrib.keras.python",
)  # fmt: skip
"""Packages of TensorFlow's sources: their names are those of `tensorflow`."""

_LAYERS = ("keras.layers",)
_ENGINE = ("keras.models", "keras.layers", "keras")
_UTILS = ("keras.utils",)
_OURS = "tensorflow_lamella.keras"

MODULES: dict[str, tuple[str, ...]] = {
    # Keras 1 and 2: one module per family of layers
    **{
        f"keras.layers.{family}": _LAYERS
        for family in """
            core convolutional convolutional_recurrent recurrent pooling normalization embeddings
            noise local advanced_activations wrappers cudnn_recurrent merging reshaping attention
            preprocessing rnn experimental experimental.preprocessing
            preprocessing.image_preprocessing
            recurrent_v2 normalization_v2 dense_attention normalization.batch_normalization
            normalization.layer_normalization convolutional.conv2d core.dense kernelized
        """.split()
    },
    "keras.layers.merge": (f"{_OURS}.merge", "keras.layers"),
    # what was the engine
    **{
        f"keras.engine.{part}": _ENGINE
        for part in """
            topology training base_layer input_layer network sequential functional input_spec
            training_utils data_adapter saving keras_tensor node
        """.split()
    },
    "keras.engine": _ENGINE,
    "keras.legacy.layers": (f"{_OURS}.merge", "keras.layers"),
    "keras.legacy.interfaces": (),
    # utilities
    **{
        f"keras.utils.{part}": _UTILS
        for part in """
            np_utils generic_utils data_utils io_utils layer_utils vis_utils visualize_util
            training_utils multi_gpu_utils conv_utils all_utils metrics_utils losses_utils
        """.split()
    },
    "keras.utils.test_utils": (f"{_OURS}.utils",),
    # names of modules
    "keras.objectives": ("keras.losses",),
    "keras.initializations": (f"{_OURS}.weights", "keras.initializers"),
    "keras.initializers.initializers_v2": ("keras.initializers",),
    "keras.initializers.initializers_v1": ("keras.initializers",),
    "keras.activations.activations": ("keras.activations",),
    "keras.backend.common": ("keras.backend",),
    "keras.backend.tensorflow_backend": ("keras.backend",),
    "keras.backend.load_backend": ("keras.backend",),
    "keras.wrappers.scikit_learn": (f"{_OURS}.scikit_learn",),
    "keras.optimizers.legacy": ("keras.optimizers",),
    "keras.optimizers.experimental": ("keras.optimizers",),
    "keras.optimizers.learning_rate_schedule": ("keras.optimizers.schedules",),
    "keras.optimizers.optimizer_v2": ("keras.optimizers",),
    **{
        f"keras.optimizers.{part}": ("keras.optimizers",)
        for part in """
            adadelta_v2 adagrad_v2 adam_v2 adamax_v2 ftrl gradient_descent_v2 nadam_v2 rmsprop_v2
            adam sgd rmsprop adagrad adadelta adamax nadam
            optimizer_v2.adam optimizer_v2.gradient_descent optimizer_v2.rmsprop
            optimizer_v2.learning_rate_schedule optimizer_v2.optimizer_v2
        """.split()
    },
    "keras.optimizer_v2": ("keras.optimizers",),
    "keras.optimizer_v2.adam": ("keras.optimizers",),
    "keras.optimizer_v2.gradient_descent": ("keras.optimizers",),
    "keras.optimizer_v2.rmsprop": ("keras.optimizers",),
    "keras.preprocessing.text": ("keras._tf_keras.keras.preprocessing.text",),
    "keras.mixed_precision.experimental": ("keras.mixed_precision",),
    "keras.saving.save": ("keras.saving",),
    "keras.experimental": ("keras.layers", "keras.optimizers.schedules", "keras"),
    "keras.metrics.metrics": ("keras.metrics",),
    "keras.callbacks.experimental": ("keras.callbacks",),
    "keras.utils.experimental": ("keras.utils",),
    # applications: one module per network, with preprocess_input and decode_predictions
    **{
        f"keras.applications.{old}": (f"keras.applications.{new}",)
        for old, new in {
            "nasnet_large": "nasnet", "resnet_v1": "resnet", "vgg": "vgg16",
        }.items()
    },
    "keras.applications.resnet50": ("keras.applications.resnet",),
}  # fmt: skip
"""An old module and the modules in which its names are found now, in the order of the search."""

NAMES: dict[str, str] = {
    # layers of Keras 1
    **{
        f"keras.layers.{old}": f"keras.layers.{new}"
        for old, new in {
            "Deconvolution3D": "Conv3DTranspose", "AtrousConv1D": "Conv1D",
            "AtrousConv2D": "Conv2D", "Deconv2D": "Conv2DTranspose",
            "Deconv3D": "Conv3DTranspose", "AbstractRNNCell": "Layer",
            "PreprocessingLayer": "Layer",
            "MaxPool1d": "MaxPool1D", "ConvRecurrent2D": "ConvLSTM2D",
            # Keras 2: layers for a GPU, and two names of one layer
            "CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU", "SyncBatchNormalization": "BatchNormalization",
            "BatchNormalizationV1": "BatchNormalization",
            "BatchNormalizationV2": "BatchNormalization", "LSTMV2": "LSTM", "GRUV2": "GRU",
            "DenseV2": "Dense", "Recurrent": "RNN", "TextVectorizationV1": "TextVectorization",
        }.items()
    },
    # layers that Keras 3 has no longer: they are ours
    **{
        f"keras.layers.{name}": f"{_OURS}.layers.{name}"
        for name in """
            ThresholdedReLU LocallyConnected1D LocallyConnected2D TimeDistributedDense Highway
            MaxoutDense Convolution1D Convolution2D Convolution3D Deconvolution2D
            SeparableConvolution2D AtrousConvolution1D AtrousConvolution2D
        """.split()
    },
    "keras.layers.merge": f"{_OURS}.merge.merge",
    "keras.layers.Merge": f"{_OURS}.merge.Merge",
    # preprocessing
    **{
        f"keras.preprocessing.{name}": f"keras._tf_keras.keras.preprocessing.{name}"
        for name in """
            text
            image.ImageDataGenerator image.Iterator image.NumpyArrayIterator
            image.DirectoryIterator image.apply_affine_transform image.apply_brightness_shift
            image.apply_channel_shift image.random_brightness image.random_channel_shift
            image.random_rotation image.random_shear image.random_shift image.random_zoom
            sequence.TimeseriesGenerator sequence.make_sampling_table sequence.skipgrams
        """.split()
    },
    "keras.preprocessing.image.DataFrameIterator": (
        "keras.src.legacy.preprocessing.image.DataFrameIterator"
    ),
    "keras.preprocessing.image_dataset_from_directory": "keras.utils.image_dataset_from_directory",
    "keras.preprocessing.image.image_dataset_from_directory": (
        "keras.utils.image_dataset_from_directory"
    ),
    "keras.preprocessing.text_dataset_from_directory": "keras.utils.text_dataset_from_directory",
    "keras.preprocessing.timeseries_dataset_from_array": (
        "keras.utils.timeseries_dataset_from_array"
    ),
    # losses and metrics: short names, and names before 2019
    **{
        f"keras.{module}.{old}": f"keras.losses.{new}"
        for module in ("losses", "metrics")
        for old, new in {
            "mse": "mean_squared_error", "MSE": "mean_squared_error",
            "mae": "mean_absolute_error", "MAE": "mean_absolute_error",
            "mape": "mean_absolute_percentage_error", "MAPE": "mean_absolute_percentage_error",
            "msle": "mean_squared_logarithmic_error", "MSLE": "mean_squared_logarithmic_error",
            "kld": "kl_divergence", "KLD": "kl_divergence",
            "kullback_leibler_divergence": "kl_divergence",
            "cosine_proximity": "cosine_similarity", "cosine": "cosine_similarity",
            "logcosh": "log_cosh", "huber_loss": "huber",
        }.items()
    },
    "keras.losses.Reduction": f"{_OURS}.utils.Reduction",
    # optimizers
    **{
        f"keras.optimizers.{old}": f"keras.optimizers.{new}"
        for old, new in {
            "adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop", "RMSProp": "RMSprop",
            "adagrad": "Adagrad", "adadelta": "Adadelta", "adamax": "Adamax", "nadam": "Nadam",
            "AdaGrad": "Adagrad", "AdaDelta": "Adadelta", "GradientDescent": "SGD",
            "OptimizerV2": "Optimizer",
        }.items()
    },
    **{
        f"keras.optimizers.schedules.{old}": f"keras.optimizers.schedules.{new}"
        for old, new in {
            "CosineDecayV2": "CosineDecay", "CosineDecayRestartsV2": "CosineDecayRestarts",
        }.items()
    },
    # utilities
    "keras.utils.OrderedEnqueuer": (
        "keras.src.trainers.data_adapters.py_dataset_adapter.OrderedEnqueuer"
    ),
    "keras.models.Container": "keras.Model",
    "keras.layers.get_source_inputs": f"{_OURS}.utils.get_source_inputs",
    "keras.utils.get_source_inputs": f"{_OURS}.utils.get_source_inputs",
    "keras.utils.probas_to_classes": f"{_OURS}.utils.probas_to_classes",
    "keras.utils.categorical_probas_to_classes": f"{_OURS}.utils.probas_to_classes",
    "keras.utils.count_params": f"{_OURS}.utils.count_params",
    "keras.models.slice_X": f"{_OURS}.utils.slice_arrays",
    "keras.models.slice_arrays": f"{_OURS}.utils.slice_arrays",
    "keras.utils.slice_arrays": f"{_OURS}.utils.slice_arrays",
    "keras.utils.layer_from_config": "keras.layers.deserialize",
    "keras.layers.layer_from_config": "keras.layers.deserialize",
    "keras.optimizers.optimizer_from_config": "keras.optimizers.deserialize",
    **{
        f"keras.initializers.{old}": f"keras.initializers.{new}"
        for old, new in {
            "normal": "RandomNormal", "uniform": "RandomUniform", "one": "Ones", "zero": "Zeros",
        }.items()
    },
    "keras.utils.plot": "keras.utils.plot_model",
    "keras.utils.CustomObjectScope": "keras.saving.CustomObjectScope",
    **{
        f"keras.utils.{name}": f"{_OURS}.utils.{name}"
        for name in """
            multi_gpu_model print_summary HDF5Matrix convert_all_kernels_in_model to_ordinal
        """.split()
    },
    # the model
    "keras.layers.Model": "keras.Model",
    "keras.layers.Sequential": "keras.Sequential",
    "keras.models.Input": "keras.Input",
    "keras.layers.Network": "keras.Model",
    "keras.layers.Functional": "keras.Model",
    "keras.models.Functional": "keras.Model",
    "keras.models.Layer": "keras.layers.Layer",
    "keras.models.model_from_config": "keras.saving.deserialize_keras_object",
    "keras.models.load_weights": "keras.saving.load_weights",
    "keras.mixed_precision.Policy": "keras.dtype_policies.DTypePolicy",
    "keras.mixed_precision.set_policy": "keras.mixed_precision.set_global_policy",
    # regularizers and constraints of Keras 1
    "keras.regularizers.WeightRegularizer": "keras.regularizers.L1L2",
    "keras.regularizers.ActivityRegularizer": "keras.regularizers.L1L2",
    "keras.regularizers.activity_l2": "keras.regularizers.L2",
    "keras.regularizers.activity_l1": "keras.regularizers.L1",
    "keras.regularizers.l1l2": "keras.regularizers.L1L2",
    "keras.regularizers.l1_l2": "keras.regularizers.L1L2",
    "keras.constraints.maxnorm": "keras.constraints.MaxNorm",
    "keras.constraints.nonneg": "keras.constraints.NonNeg",
    "keras.constraints.unitnorm": "keras.constraints.UnitNorm",
}  # fmt: skip
"""A name that `getattr` does not find in today's Keras, and where it is."""

GONE: dict[str, str] = {
    "keras.estimator": "build the model with keras and call model.fit",
    "keras.layers.DenseFeatures": (
        "keras.utils.FeatureSpace, or Concatenate over inputs prepared by Normalization and "
        "CategoryEncoding"
    ),
    "keras.layers.RandomFourierFeatures": (
        "a Dense layer that is not trainable, with activation=keras.ops.cos"
    ),
    "keras.layers.RandomHeight": "keras.layers.RandomZoom, which keeps the size",
    "keras.layers.RandomWidth": "keras.layers.RandomZoom, which keeps the size",
    "keras.layers.SReLU": "keras.layers.PReLU",
    "keras.layers.ParametricSoftplus": "keras.layers.PReLU",
    "keras.constraints.RadialConstraint": "a keras.constraints.Constraint of your own",
    "keras.optimizers.TFOptimizer": "the optimizer of keras.optimizers with the same name",
    **{
        f"keras.metrics.{old}": f"keras.metrics.{new}"
        for old, new in {
            "precision": "Precision",
            "recall": "Recall",
            "fmeasure": "F1Score",
            "fbeta_score": "FBetaScore",
            "f1score": "F1Score",
        }.items()
    },
    "keras.callbacks.BaseLogger": "keras.callbacks.Callback: logs hold means already",
    "keras.metrics.MeanTensor": "a keras.metrics.Metric of your own with add_variable",
    "keras.metrics.MeanRelativeError": "keras.metrics.MeanAbsolutePercentageError",
    "keras.models.model_from_yaml": "keras.models.model_from_json: YAML could run any code",
    "keras.applications.regnet": "keras.applications.efficientnet_v2",
    "keras.applications.resnet_rs": "keras.applications.resnet_v2",
    "keras.backend.foldl": "keras.ops.scan",
    "keras.backend.foldr": "keras.ops.scan with reverse=True",
    "keras.backend.local_conv1d": "keras.layers.LocallyConnected1D",
    "keras.backend.local_conv2d": "keras.layers.LocallyConnected2D",
    "keras.layers.SequenceFeatures": "keras.utils.FeatureSpace",
    "keras.experimental.LinearModel": "a Sequential with one Dense layer",
    "keras.experimental.WideDeepModel": "a functional model with two branches and keras.layers.Add",
    "keras.experimental.SequenceFeatures": "keras.utils.FeatureSpace",
    "keras.utils.SidecarEvaluator": "model.evaluate in a process of its own",
    "keras.dtensor": "keras.distribution on the JAX backend: lamella run --engine jax",
    "keras.models.experimental": "keras.Model",
    "keras.models.Graph": "the functional API: keras.Input and keras.Model",
}
"""A name that nothing can stand for, and the nearest thing that is there."""
