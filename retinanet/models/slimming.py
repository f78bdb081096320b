"""What a lighter network takes over of the weights of a wider one: the channels that its next layers listen to most."""

from collections.abc import Sequence

import keras
import numpy as np

from retinanet.models.layers import FeaturePyramid, PredictionHead

_BATCH_NORMALIZATION = ("gamma", "beta", "moving_mean", "moving_variance")


def take_over(wide: keras.Model, slim: keras.Model) -> None:
    """Sets the weights of a model to those of a wider one of the same stage, as far as it has their layers.

    Blocks that the lighter one lacks are left out. Where a layer has fewer channels, those stay whose weights in this
    layer and in those behind it are the largest. The result reads nothing until it is trained: it is a start.

    Args:
        wide: the same or more blocks and channels; anchors, classes and layers of the heads are the same.
        slim: gets the weights.
    """
    sources, targets = _layers(wide), _layers(slim)
    for name, target in targets.items():
        if name.endswith("_dwconv"):
            _take_block(sources, targets, name.removesuffix("dwconv"))
        elif name.startswith(("stem", "rescaling")) and target.weights:
            target.set_weights(sources[name].get_weights())
    _take_pyramid_and_heads(sources, targets)


def _layers(model: keras.Model) -> dict[str, keras.layers.Layer]:
    return {layer.name: layer for layer in model._flatten_layers(include_self=False)}


def _take_block(sources: dict, targets: dict, block: str) -> None:
    """Takes over an inverted residual block, whose inner channels may be fewer."""
    project = _kernel(sources[f"{block}project_conv"])
    channels = _kernel(targets[f"{block}project_conv"]).shape[2]
    gamma = sources[f"{block}bn"].gamma.numpy()
    kept = _largest(np.abs(gamma) * np.linalg.norm(project[0, 0], axis=1), channels)
    if f"{block}expand_conv" in targets:
        _set_kernel(targets[f"{block}expand_conv"], _kernel(sources[f"{block}expand_conv"])[..., kept])
        _take_normalization(sources[f"{block}expand_bn"], targets[f"{block}expand_bn"], kept)
    _set_kernel(targets[f"{block}dwconv"], _kernel(sources[f"{block}dwconv"])[:, :, kept])
    _take_normalization(sources[f"{block}bn"], targets[f"{block}bn"], kept)
    _set_kernel(targets[f"{block}project_conv"], project[:, :, kept])
    everything = np.arange(project.shape[3])
    _take_normalization(sources[f"{block}project_bn"], targets[f"{block}project_bn"], everything)


def _take_pyramid_and_heads(sources: dict, targets: dict) -> None:
    source: FeaturePyramid = sources["feature_pyramid"]
    target: FeaturePyramid = targets["feature_pyramid"]
    heads = [(sources[name], targets[name]) for name in ("classification_head", "box_head")]
    outputs = [_kernel(output) for output in source.outputs_3x3]
    gammas = [normalization.gamma.numpy() for normalization in source.normalizations]
    merged = _largest(np.mean(np.abs(gammas), axis=0) * _listened_to(outputs), target.channels)
    shown = _largest(
        _listened_to([_first_kernel(head) for head, _ in heads])
        * np.sum([_spoken(kernel) for kernel in outputs], axis=0),
        target.channels,
    )
    for index, lateral in enumerate(target.laterals):
        _set_kernel(lateral, _kernel(source.laterals[index])[..., merged])
        _take_normalization(source.normalizations[index], target.normalizations[index], merged)
    for index, output in enumerate(target.outputs_3x3):
        _take_convolution(source.outputs_3x3[index], output, merged, shown)
    for head, slim_head in heads:
        _take_head(head, slim_head, shown)


def _take_head(source: PredictionHead, target: PredictionHead, inputs: np.ndarray) -> None:
    following = [*source.convolutions[1:], source.prediction]
    for index, convolution in enumerate(target.convolutions):
        importance = _listened_to([_kernel(following[index])]) * _spoken(_kernel(source.convolutions[index]))
        kept = _largest(importance, target.channels)
        _take_convolution(source.convolutions[index], convolution, inputs, kept)
        inputs = kept
    _take_convolution(source.prediction, target.prediction, inputs, np.arange(source.prediction.filters))


def _first_kernel(head: PredictionHead) -> np.ndarray:
    return _kernel([*head.convolutions, head.prediction][0])


def _listened_to(kernels: Sequence[np.ndarray]) -> np.ndarray:
    """Returns for each input channel how large its weights are in these convolutions' kernels together."""
    return np.sum([np.sqrt((kernel**2).sum(axis=(0, 1, 3))) for kernel in kernels], axis=0)


def _spoken(kernel: np.ndarray) -> np.ndarray:
    """Returns for each output channel how large its weights are."""
    return np.sqrt((kernel**2).sum(axis=(0, 1, 2)))


def _largest(importance: np.ndarray, count: int) -> np.ndarray:
    """Returns the indices, ascending, of the `count` largest."""
    return np.sort(np.argsort(-importance, kind="stable")[:count])


def _kernel(layer: keras.layers.Layer) -> np.ndarray:
    return keras.ops.convert_to_numpy(layer.weights[0])


def _set_kernel(layer: keras.layers.Layer, kernel: np.ndarray) -> None:
    layer.set_weights([kernel, *layer.get_weights()[1:]])


def _take_convolution(source, target, inputs: np.ndarray, outputs: np.ndarray) -> None:
    kernel, bias = source.get_weights()
    target.set_weights([kernel[:, :, inputs][..., outputs], bias[outputs]])


def _take_normalization(source, target, kept: np.ndarray) -> None:
    for name in _BATCH_NORMALIZATION:
        getattr(target, name).assign(keras.ops.convert_to_numpy(getattr(source, name))[kept])
