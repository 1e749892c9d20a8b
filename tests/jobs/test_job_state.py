"""What a pool says of its jobs."""

from jobs.job_state import by_id


def test_jobs_come_in_the_order_of_their_numbers_and_the_later_ad_of_one_counts():
    ads = [{"ClusterId": c, "ProcId": p, "JobStatus": s} for c, p, s in ((7, 1, 2), (7, 0, 1), (3, 10, 5), (7, 1, 4))]
    assert list(by_id(ads)) == [(3, 10), (7, 0), (7, 1)]
    assert by_id(ads)[7, 1]["JobStatus"] == 4
