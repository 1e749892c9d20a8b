"""Losses of classes. Predictions are logits, because a probability that is rounded to 0 or 1 has no gradient."""

from typing import Annotated, Any

from pydantic import Field

from app.core.errors import Problem, UserError
from app.core.libraries import keras
from app.core.types import NonNegative, OneOrMore, Positive
from losses import LOSSES
from losses._residual import agree, in_float32, require_equal_shapes

Share = Annotated[float, Field(ge=0, lt=1)]
ClassWeights = Annotated[tuple[Positive, ...], OneOrMore()]
FAR_BELOW = -1e30
"""A logit whose probability is 0 and which is still a finite number."""


def _yes_or_no(random: Any) -> tuple[Any, Any]:
    return random.integers(0, 2, size=(6, 4)), 2 * random.normal(size=(6, 4))


def _classes(random: Any) -> tuple[Any, Any]:
    return random.integers(0, 5, size=(6, 1)), 2 * random.normal(size=(6, 5))


@LOSSES("binary_crossentropy", head="sigmoid", transform=(), example=_yes_or_no)
def binary_crossentropy(y_true: Any, y_pred: Any) -> Any:
    """Negative log-likelihood of targets that are 0 or 1.

    L = -mean_t (y log p + (1 - y) log(1 - p)) with p = 1 / (1 + exp(-y_pred)), calculated from the logit without p
    itself, so that the loss is always finite. Its minimum is the probability in the training sample: when the share of
    signal in the data is different, p must be corrected for it.

    Args:
        y_true: 0 or 1, (N, T).
        y_pred: logits, (N, T).

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, T).
    """
    y_true, y_pred = in_float32(y_true, y_pred)
    require_equal_shapes(tuple(y_true.shape), tuple(y_pred.shape))
    return keras.ops.mean(keras.ops.binary_crossentropy(y_true, y_pred, from_logits=True), axis=-1)


@LOSSES("categorical_crossentropy", head="softmax", transform=(), classes=True, example=_classes)
def categorical_crossentropy(y_true: Any, y_pred: Any, *, label_smoothing: Share = 0.0) -> Any:
    """Negative log-likelihood of one class among K.

    L = -sum_k q_k log p_k with p = softmax(y_pred), q_k = 1 - e for the true class plus e / K for every class, e =
    `label_smoothing`. Its minimum, without smoothing, is the probability in the training sample. A true class outside
    of 0 .. K - 1 gives NaN, which ends the training, and not a loss of 0, which would hide the error.

    Args:
        y_true: number of the true class, (N, 1).
        y_pred: logits, (N, K).
        label_smoothing: share of the truth that is spread over all classes, against labels that are wrong. It bounds
            the logits, but the probabilities lose their meaning.

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes are not (N, 1) and (N, K).

    References:
        C. Szegedy et al., Rethinking the Inception Architecture, section 7, arXiv:1512.00567.
    """
    is_true, log_p = _one_hot(*in_float32(y_true, y_pred))
    right = _of_true(log_p, is_true)
    return -((1 - label_smoothing) * right + label_smoothing * keras.ops.mean(log_p, axis=-1))


@LOSSES("focal", head="softmax", transform=(), classes=True, example=_classes)
def focal(y_true: Any, y_pred: Any, *, gamma: NonNegative = 2.0, alpha: ClassWeights | None = None) -> Any:
    """Cross-entropy with a small weight for the events that are already recognised.

    L = -alpha_c (1 - p_c)^gamma log p_c of the true class c, p = softmax(y_pred): for a rare class among many easy
    events of another. `gamma` = 0 is the cross-entropy. The predicted probabilities are less certain than the truth:
    use `categorical_crossentropy` where they matter. In the binary form a single logit is that of class 1, and class 0
    has the logit 0.

    Args:
        y_true: number of the true class, (N, 1).
        y_pred: logits, (N, K), or (N, 1) of two classes.
        gamma: how fast the weight of an event falls with its p_c.
        alpha: one weight for each class, two weights also for a single logit; 1 for all by default.

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes are not (N, 1) and (N, K); UserError: `alpha` is not one weight for each class.

    References:
        T.-Y. Lin et al., Focal Loss for Dense Object Detection, eq. 5, arXiv:1708.02002.
    """
    y_true, y_pred = in_float32(y_true, y_pred)
    if y_pred.shape[-1] == 1:
        y_pred = keras.ops.concatenate([keras.ops.zeros_like(y_pred), y_pred], axis=-1)
    is_true, log_p = _one_hot(y_true, y_pred)
    # log(1 - p) is calculated from the other classes: 1 - p itself loses all digits where p is nearly 1, and its power
    # has an infinite derivative there for gamma < 1.
    others = keras.ops.logsumexp(keras.ops.where(is_true, FAR_BELOW, log_p), axis=-1)
    values = -keras.ops.exp(gamma * others) * _of_true(log_p, is_true)
    if alpha is None:
        return values
    classes = log_p.shape[-1]
    if len(alpha) != classes:
        expected = f"one weight for each of the {classes} classes"
        raise UserError(
            Problem("not one weight for each class", ("loss", "alpha"), expected=expected, received=list(alpha))
        )
    return values * _of_true(keras.ops.convert_to_tensor([alpha], log_p.dtype), is_true)


def _one_hot(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return whether each class is the true one, and the logarithm of its probability, (N, K) both."""
    true, predicted = tuple(y_true.shape), tuple(y_pred.shape)
    if not (agree((*true[:-1], 1), true) and agree((*true[:-1], None), predicted)):
        what = "y_true must hold one class, (N, 1), and y_pred the logits, (N, K)"
        raise ValueError(f"{what}: y_true is {true}, y_pred is {predicted}")
    numbers = keras.ops.cast(keras.ops.arange(predicted[-1]), y_true.dtype)
    return keras.ops.equal(y_true, numbers), keras.ops.log_softmax(y_pred, axis=-1)


def _of_true(values: Any, is_true: Any) -> Any:
    """Return the value of the true class, (N,); NaN where no class is."""
    chosen = keras.ops.cast(is_true, values.dtype)
    return keras.ops.sum(values * chosen, axis=-1) / keras.ops.sum(chosen, axis=-1)
