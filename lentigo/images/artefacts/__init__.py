"""Hairs, rulers, ink and other artefacts: drawn by program, and detected in photographs."""
