"""What the command line writes: streams, progress bars, and the words for each kind of result."""
