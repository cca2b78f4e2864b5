"""Photographs, manifests, splits and phantoms."""

from lentigo.data.diagnosis_words import DIAGNOSES, map_diagnosis

__all__ = ["DIAGNOSES", "map_diagnosis"]
