"""Running jobs elsewhere: HTCondor, workflows and local workers."""
