"""Data sets: class folders, split folders and manifests become one table of photographs."""

from lentigo.datasets.diagnosis_words import DIAGNOSES, map_diagnosis

__all__ = ["DIAGNOSES", "map_diagnosis"]
