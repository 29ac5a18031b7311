"""What starts, watches and stops the servers that the black-box suite talks to."""
