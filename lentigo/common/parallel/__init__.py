"""Work side by side: threads, batches, and the nodes of a Ray cluster."""
