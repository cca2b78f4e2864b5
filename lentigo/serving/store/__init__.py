"""The store: predictions, lesions, keys and the images that are kept on demand."""
