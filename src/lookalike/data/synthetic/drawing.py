"""From parameters to pixels: the layers of a face, back to front."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lookalike.data.images import Pixels
from lookalike.data.synthetic import body, features, hair, head, scenery, wear
from lookalike.data.synthetic.geometry import Grid, ramp
from lookalike.data.synthetic.scene import Scene
from lookalike.data.synthetic.traits import Table

PIXELS_AT_ONCE = 49_152  # a grid of 192 KiB: fewer lie in a core's cache, but Python takes a third of the turns


def draw_tables(person: Table, shot: Table, size: int, progress: Callable[[int], None] | None = None) -> Pixels:
    """Draw row i of both tables as picture i: (N, size, size, 3) uint8 RGB."""
    pictures = np.empty((len(person), size, size, 3), np.uint8)
    step = max(1, PIXELS_AT_ONCE // size**2)
    for start in range(0, len(person), step):
        part = slice(start, start + step)
        channels = _draw(Scene(person[part], shot[part], size))
        pictures[part] = np.moveaxis(channels.reshape(3, -1, size, size), 0, -1).astype(np.uint8)
        if progress is not None:
            progress(min(start + step, len(person)))
    return pictures


def _draw(scene: Scene) -> Grid:
    canvas = scenery.background(scene)
    person, shot = scene.person, scene.shot
    style = hair.Style.of(scene)
    _where(scene, canvas, (person.bun > 0.5) & (shot.hat < 0.5), hair.paint_bun)
    _where(scene, canvas, (shot.hat > 0.5) & (person.hat_kind > 1.5), wear.paint_brim_behind)
    body.paint_clothes(scene, canvas)
    _where(scene, canvas, (person.hair_length > 0.4) & (person.bald < 0.5), hair.paint_long)
    shell = hair.shell(scene, style)
    hair.paint_far_side(scene, style, shell, canvas)
    body.paint_neck(scene, canvas)
    head.paint_ears(scene, canvas, front=False)
    _paint_face(scene, style, canvas)
    head.paint_ears(scene, canvas, front=True)
    _where(scene, canvas, (shot.glasses + shot.sunglasses) > 0.5, wear.paint_glasses)
    hair.paint_shell(scene, style, shell, canvas)
    _where(scene, canvas, shot.hat > 0.5, wear.paint_hat)
    return scenery.develop(scene, canvas)


def _paint_face(scene: Scene, style: hair.Style, canvas: Grid) -> None:
    """Skin with everything painted on it, under light and shadows."""
    surface = head.head_surface(scene)
    albedo = np.ascontiguousarray(np.broadcast_to(head.skin_colour(scene), canvas.shape))
    head.paint_marks(scene, surface, albedo)
    features.paint_nostrils(scene, surface, albedo)
    features.paint_beard(scene, surface, albedo)
    features.paint_mouth(scene, surface, albedo)
    catchlight = features.paint_eyes(scene, surface, albedo)
    features.paint_brows(scene, surface, albedo)
    lit = 1.0 - head.nose_shadow(scene, surface)
    lit *= 1.0 - hair.hair_shadow(scene, style, surface.point)
    hatted = np.flatnonzero(scene.shot.hat[:, 0] > 0.5)
    if len(hatted):
        lit[hatted] *= 1.0 - wear.hat_shadow(scene.some(hatted), surface.some(hatted).point)
    alpha = ramp(surface.inside, scene.soft)
    head.shine(scene, canvas, albedo, alpha, surface.normal, 1.0 - lit)
    glint = catchlight * alpha * 0.9
    for channel in canvas:
        channel += glint * (1.0 - channel)


def _where(
    scene: Scene,
    canvas: Grid,
    flag: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    painter: Callable[[Scene, Grid], None],
) -> None:
    """Let `painter` work on those faces only whose `flag` (N, 1) is set."""
    which = np.flatnonzero(flag[:, 0])
    if len(which):
        part = np.ascontiguousarray(canvas[:, which])
        painter(scene.some(which), part)
        canvas[:, which] = part
