"""The forms of a RUN for other runtimes, and its int8 form: written, and held against the RUN itself."""
