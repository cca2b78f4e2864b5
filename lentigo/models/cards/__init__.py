"""The card of a RUN: what its entries must be, and how it is read."""
