"""Metrics for Prometheus, in a registry of their own. No label holds what a client sent."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lentigo.inference.prediction import Prediction

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"


class Metrics:
    """The counts of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        known = {"registry": self.registry}
        self.requests = Counter(
            "lentigo_requests",
            "Requests by method, route and status.",
            ("method", "route", "status"),
            **known,
        )
        self.seconds = Histogram(
            "lentigo_request_seconds",
            "From the request's head to the end of the answer.",
            ("route",),
            **known,
        )
        self.batches = Histogram(
            "lentigo_batch_photographs",
            "Photographs that the network was asked about at once.",
            buckets=(1, 2, 3, 4, 6, 8, 12, 16, 32),
            **known,
        )
        self.waiting = Gauge("lentigo_waiting_photographs", "Accepted and not yet answered.", **known)
        self.answers = Counter("lentigo_answers", "Answers by label.", ("label",), **known)
        self.refusals = Counter(
            "lentigo_refusals",
            "Answers without a decision, by reason: unlike what the model knows, or on the fence.",
            ("reason",),
            **known,
        )
        self.problems = Counter(
            "lentigo_problems", "Problems by kind, those of single photographs too.", ("kind",), **known
        )

    def count_answer(self, said: Prediction) -> None:
        """Counts one answer."""
        self.answers.labels(said.label).inc()
        if said.reason:
            self.refusals.labels("unlike" if said.in_distribution is False else "doubtful").inc()

    def write(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
