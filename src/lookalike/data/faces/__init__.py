"""Faces of ordinary photos: found, and brought to the framing of Labeled Faces in the Wild."""
