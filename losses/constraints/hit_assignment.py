"""The scores of the hits must say which of them are the muon's."""

from app.core.libraries import keras
from losses.constraints import CONSTRAINTS, Hits, Tensor


@CONSTRAINTS("hit_assignment", needs="scores", terms=("assignment_loss",))
def hit_assignment(hits: Hits) -> Tensor:
    """Binary cross-entropy of the hits' scores against the truth, its mean over the hits of an event.

    L = -mean_h (y log p + (1 - y) log(1 - p)), p = sigmoid(score), y = 1 for a hit of the muon, over the hits that are
    there. Every event has the same weight for any number of hits; an event without hits gives 0. The constraint also
    acts on the hits below the threshold of the pooling, which the loss of a task does not reach. The truth is used in
    training and validation only: the dataset provides it with `"assignment": true`, and the deployed model does not
    need it.

    Args:
        hits: scores, mask and truth.

    Returns:
        One value per event, (N, 1).
    """
    scores, truth, mask = (keras.ops.cast(t, "float32") for t in (hits.scores, hits.assigned, hits.mask))
    # From the logit: log(1 + exp(-|s|)) + max(s, 0) - s y, which is always finite. Padding enters as 0.
    scores = keras.ops.where(mask > 0, scores, 0.0)
    each = keras.ops.softplus(-keras.ops.abs(scores)) + keras.ops.maximum(scores, 0.0) - scores * truth
    number = keras.ops.maximum(keras.ops.sum(mask, axis=1, keepdims=True), 1.0)
    return keras.ops.sum(each * mask, axis=1, keepdims=True) / number
