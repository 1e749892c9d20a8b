"""Optimizers: the rules by which Keras turns gradients into steps."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.core.catalog import Catalog, Spec
from app.core.libraries import keras
from app.core.types import NonNegative, Positive, Strict

Decay = Annotated[float, Field(ge=0, lt=1)]


class OptimizerOptions(Strict):
    """The keys that every optimizer takes in addition to its own."""

    learning_rate: Positive = Field(
        default=1e-3, description="learning rate, the highest one where a schedule changes it"
    )
    global_clipnorm: Positive | None = Field(
        default=None, description="scale all gradients together down to this norm; null leaves them alone"
    )


OPTIMIZERS = Catalog[Any]("optimizer", "app.optimizers", OptimizerOptions)


def make(spec: Spec[Any], learning_rate: Any = None, gradient_accumulation: int = 1, ema: float | None = None) -> Any:
    """Build the optimizer that a job asks for.

    Args:
        spec: the job's optimizer.
        learning_rate: a float or Keras LearningRateSchedule (`Schedule.learning_rate`); None means the spec's own.
        gradient_accumulation: batches whose mean gradient makes one step.
        ema: momentum of the moving average of the weights from one step to the next; None: no average.

    Returns:
        A keras.optimizers.Optimizer.
    """
    common = {
        "global_clipnorm": spec.options.global_clipnorm,
        "gradient_accumulation_steps": gradient_accumulation if gradient_accumulation > 1 else None,
        "use_ema": ema is not None,
        # Keras averages after each batch, also those that change no weight.
        "ema_momentum": 0.99 if ema is None else ema ** (1 / gradient_accumulation),
    }
    return spec.build(spec.options.learning_rate if learning_rate is None else learning_rate, common)


@OPTIMIZERS("adamw")
def adamw(
    learning_rate: Any,
    common: Mapping[str, Any],
    *,
    weight_decay: NonNegative = 1e-4,
    beta_1: Decay = 0.9,
    beta_2: Decay = 0.999,
    epsilon: Positive = 1e-7,
) -> Any:
    """Adam with decoupled weight decay: the default.

    w -> w - lr m / (sqrt(v) + epsilon) - lr weight_decay w. Decay and adaptive step do not mix, each is tuned alone.

    References:
        I. Loshchilov, F. Hutter, Decoupled Weight Decay Regularization, algorithm 2, arXiv:1711.05101.
    """
    return keras.optimizers.AdamW(
        learning_rate, weight_decay=weight_decay, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **common
    )


@OPTIMIZERS("adam")
def adam(
    learning_rate: Any,
    common: Mapping[str, Any],
    *,
    beta_1: Decay = 0.9,
    beta_2: Decay = 0.999,
    epsilon: Positive = 1e-7,
    amsgrad: bool = False,
) -> Any:
    """Adam: steps of about the learning rate in every coordinate, whatever the size of the gradient.

    References:
        D. P. Kingma, J. Ba, Adam: A Method for Stochastic Optimization, algorithm 1, arXiv:1412.6980.
    """
    return keras.optimizers.Adam(
        learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, amsgrad=amsgrad, **common
    )


@OPTIMIZERS("nadam")
def nadam(
    learning_rate: Any,
    common: Mapping[str, Any],
    *,
    beta_1: Decay = 0.9,
    beta_2: Decay = 0.999,
    epsilon: Positive = 1e-7,
) -> Any:
    """Adam with Nesterov's momentum: looks one step ahead.

    References:
        T. Dozat, Incorporating Nesterov Momentum into Adam, ICLR 2016 workshop.
    """
    return keras.optimizers.Nadam(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **common)


@OPTIMIZERS("sgd")
def sgd(
    learning_rate: Any,
    common: Mapping[str, Any],
    *,
    momentum: Decay = 0.0,
    nesterov: bool = False,
    weight_decay: NonNegative = 0.0,
) -> Any:
    """Stochastic gradient descent with momentum.

    v -> momentum v - lr g, w -> w + v. Needs a learning rate tuned to the problem; the reference for closed forms.

    References:
        I. Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013, eq. 1-4.
    """
    return keras.optimizers.SGD(
        learning_rate, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay or None, **common
    )


@OPTIMIZERS("rmsprop")
def rmsprop(
    learning_rate: Any,
    common: Mapping[str, Any],
    *,
    rho: Decay = 0.9,
    momentum: Decay = 0.0,
    epsilon: Positive = 1e-7,
    centered: bool = False,
) -> Any:
    """Gradients divided by a running root mean square of themselves.

    References:
        G. Hinton, Neural Networks for Machine Learning, lecture 6e (2012).
    """
    return keras.optimizers.RMSprop(
        learning_rate, rho=rho, momentum=momentum, epsilon=epsilon, centered=centered, **common
    )


@OPTIMIZERS("lion")
def lion(
    learning_rate: Any,
    common: Mapping[str, Any],
    *,
    weight_decay: NonNegative = 0.0,
    beta_1: Decay = 0.9,
    beta_2: Decay = 0.99,
) -> Any:
    """Steps by the sign of the momentum: half the memory of Adam.

    w -> w - lr sign(beta_1 m + (1 - beta_1) g) - lr weight_decay w. Every step is as large as the learning rate:
    take 3 to 10 times less than with AdamW, and large batches.

    References:
        X. Chen et al., Symbolic Discovery of Optimization Algorithms, algorithm 2, arXiv:2302.06675.
    """
    return keras.optimizers.Lion(
        learning_rate, weight_decay=weight_decay or None, beta_1=beta_1, beta_2=beta_2, **common
    )
