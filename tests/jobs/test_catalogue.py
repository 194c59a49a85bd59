"""Every job says what it is, what it means when it fails, and stands in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.catalogue import CATALOGUE, Job, find
from vigil.errors import UsageError
from vigil.settings import JobsSettings

PAGE = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text()


@pytest.mark.parametrize("job", CATALOGUE, ids=lambda job: job.name)
def test_a_job_is_complete_and_documented(job: Job) -> None:
    assert job.every(JobsSettings()).total_seconds() > 0
    assert job.deadline.total_seconds() > 0
    assert all((job.owner, job.does, job.fails_as))
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{job.name}` |")]
    assert job.does in row
    assert job.fails_as in row


def test_names_are_unique_and_a_wrong_one_is_answered_with_the_right_ones() -> None:
    assert len({job.name for job in CATALOGUE}) == len(CATALOGUE)
    with pytest.raises(UsageError, match="no job 'detekt'; jobs are detect, correlate"):
        find("detekt")
