"""Procedural faces: the embedded default data set, seeded, with true attributes, free of any licence.

A `Person` is who it is, a `Shot` how the photo was taken; `draw` makes pictures of both, and
`synthetic_faces` a whole set. A small ray caster meets ellipsoids for skull, nose, ears, hair and hats, so that
turning, nodding, light and shadows are those of a solid head; features are painted on its surface.
"""

from lookalike.data.synthetic.faces import VERSION, draw, person, synthetic_faces
from lookalike.data.synthetic.traits import Person, Shot

__all__ = ["VERSION", "Person", "Shot", "draw", "person", "synthetic_faces"]
