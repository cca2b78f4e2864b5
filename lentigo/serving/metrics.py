"""Metrics for Prometheus, in a registry of their own. No label holds what a client sent."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lentigo.inference.results import Prediction

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
BATCH_SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 32)  # upper limits of the histogram's buckets


class Metrics:
    """The counts of one service."""

    def __init__(self) -> None:
        registry = CollectorRegistry()  # of its own: two services in one process do not mix
        self.registry = registry
        self.requests = Counter(
            "lentigo_requests",
            "Requests by method, route and status.",
            ("method", "route", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "lentigo_request_seconds",
            "From the request's head to the end of the response.",
            ("route",),
            registry=registry,
        )
        self.batches = Histogram(
            "lentigo_batch_photographs",
            "Photographs that went through the network at once.",
            buckets=BATCH_SIZES,
            registry=registry,
        )
        self.waiting = Gauge(
            "lentigo_waiting_photographs", "Accepted and not yet answered.", registry=registry
        )
        self.answers = Counter("lentigo_answers", "Answers by label.", ("label",), registry=registry)
        self.refusals = Counter(
            "lentigo_refusals",
            "Answers without a decision, by reason: out of distribution, or uncertain.",
            ("reason",),
            registry=registry,
        )
        self.problems = Counter(
            "lentigo_problems",
            "Problems by kind, those of single photographs too.",
            ("kind",),
            registry=registry,
        )

    def count_prediction(self, prediction: Prediction) -> None:
        """Counts one prediction by its label, and by its reason where it is refused.

        Args:
            prediction: what the model says of one photograph.
        """
        self.answers.labels(prediction.label).inc()
        if prediction.reason:
            is_outside = prediction.in_distribution is False
            reason = "out_of_distribution" if is_outside else "uncertain"
            self.refusals.labels(reason).inc()

    def write(self) -> bytes:
        """Gives the text that Prometheus reads.

        Returns:
            The text of all metrics, of the type `CONTENT_TYPE`.
        """
        return generate_latest(self.registry)
