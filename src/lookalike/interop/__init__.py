"""To and from other programs: Keras, the course's grader."""
