"""Folds of a cross-validation: every event tests once, and splits without folds stay what they are."""

from __future__ import annotations

import numpy as np
import pytest

from app.config.job_file import parse
from app.core.errors import UserError
from app.runs.record import fingerprint
from datasets.pipeline.event_keys import hash_rows
from datasets.pipeline.options import Split
from datasets.pipeline.split import split_keys

KEYS = hash_rows([np.arange(20_000)])


def places(**options):
    return split_keys(KEYS, Split.model_validate(options))


@pytest.mark.parametrize("folds", [2, 5, 7])
def test_each_event_is_in_the_test_split_of_one_fold(folds):
    found = np.array([places(folds=folds, fold=fold) for fold in range(folds)])
    np.testing.assert_array_equal((found == 2).sum(axis=0), 1)
    for split in found:
        shares = np.bincount(split) / len(KEYS)
        assert shares == pytest.approx([0.9 - 1 / folds, 0.1, 1 / folds], abs=0.01)
    # In the other folds an event trains, or validates in at most one or two of them.
    assert (found == 1).sum(axis=0).max() <= max(1, np.ceil(0.1 * folds))


def test_the_ends_of_the_hash_have_a_fold_too():
    split = Split.model_validate({"folds": 3, "fold": 2})
    extreme = np.array([0, 2**64 - 1], np.uint64)
    assert set(split_keys(extreme, split)) <= {0, 1, 2}
    found = np.array([split_keys(KEYS, Split.model_validate({"folds": 1000, "fold": fold})) for fold in (0, 999)])
    assert not ((found == 2).sum(axis=0) > 1).any()


def test_another_share_of_validation():
    assert np.bincount(places(folds=4, fold=3, validation=0.25)) / len(KEYS) == pytest.approx(
        [0.5, 0.25, 0.25], abs=0.01
    )


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"folds": 5, "fold": 5}, r"split.fold: no such fold. Expected 0 to 4. Received 5."),
        ({"fold": 1}, r"split.fold: no number of folds is given. Expected 'folds' next to it."),
        (
            {"folds": 4, "validation": 0.75},
            r"validation: nothing is left to train on. Expected below 0.75.",
        ),
        ({"folds": 5, "test": 0.1}, r"split.test: not the share of a fold. Expected 1/5, or only 'validation'."),
        ({"folds": 2, "files": {"train": ["a"]}}, r"split.folds: the files say which events test."),
        ({"folds": 1}, r"split.folds: not valid. Expected greater than or equal to 2"),
    ],
)
def test_folds_that_make_no_sense_are_refused(small_job, split, message):
    with pytest.raises(UserError, match=message):
        parse({**small_job, "dataset": {**small_job["dataset"], "split": split}})


def test_the_fold_is_in_the_fingerprint_and_old_fingerprints_stay(small_job):
    """Recorded before there were folds: old runs stay in the tables of new ones."""

    def of(**split):
        job = parse({**small_job, "dataset": {**small_job["dataset"], **({"split": split} if split else {})}})
        assert parse(job.dump()) == job
        return fingerprint(job, "data")

    assert of() == "2360c4bb939bed59"
    assert of(train=0.5, validation=0.25, test=0.25, seed=3) == "70032bfa7d412aa7"
    assert len({of(), of(folds=5), of(folds=5, fold=1), of(folds=4), of(folds=5, seed=2)}) == 5
    assert of(folds=5) == of(folds=5, fold=0)
