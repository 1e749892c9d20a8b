"""What a job file may hold, and how it is read."""

from app.config.job import Job, Task

__all__ = ["Job", "Task"]
