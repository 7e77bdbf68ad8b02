"""Procedural dead leaves: what a network learns photographs from where there are none, free of any licence.

Shapes of power-law sizes lie over one another and hide what is behind them: the statistics of photographs come from
that occlusion (Lee, Mumford and Huang, 2001). With textures, light, depth and a camera's work on them, a denoiser
learns nearly as much as from photographs (Achddou, Gousseau and Ladjal, 2021 and 2024).
"""

from lookalike.data.leaves.pictures import VERSION, draw_leaves, leaves

__all__ = ["VERSION", "draw_leaves", "leaves"]
