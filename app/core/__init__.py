"""What everything else stands on: errors, the catalog of components, shared types and the file lock."""
