"""Jobs in an HTCondor pool: submitted, watched, submitted again."""
