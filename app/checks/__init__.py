"""Rules across the fields of a job."""
