"""Frames with what a policy thought beside them, and files and windows of frames.

Take              -- one episode to be shown: its frames, its name, and what was thought
side_by_side      -- the pictures of a film, one a shown step, of several takes
write_film(path)  -- .webp, .gif, .mp4, or .png: a strip
show_film         -- in a window
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from understudy.episode import NO_OPTION, Episode
from understudy.errors import ParameterError
from understudy.replay.insight import Insight
from understudy.sources.optional import import_optional
from understudy.utils.atomic import replace_file

SUFFIXES = (".webp", ".gif", ".mp4", ".png")
HEIGHT, PANEL = 300, 190  # pixels of a picture, and of the width of what is written beside it
MOST_PICTURES, STRIP = 150, 8
SECONDS = 8.0  # a film lasts about so long, whatever the episode's length
INK, PALE, ACCENT = (30, 30, 30), (225, 225, 225), (31, 119, 180)
OPTION_COLOURS = ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189), (140, 86, 75))


@dataclass(frozen=True)
class Take:
    """One episode to be shown.

    Attributes:
        name: of the policy.
        episode: what happened.
        frames: (T + 1) pictures (height, width, 3) uint8.
        labels: names of the actions.
        insight: what was thought; nothing for demonstrators.
    """

    name: str
    episode: Episode
    frames: Sequence[np.ndarray]
    labels: tuple[str, ...]
    insight: Insight


def side_by_side(takes: Sequence[Take], count: int = MOST_PICTURES) -> Iterator[Image.Image]:
    """At most `count` pictures, evenly over the longest take; one that has ended stays as it ended."""
    longest = max(len(take.frames) for take in takes)
    for step in np.unique(np.linspace(0, longest - 1, min(count, longest)).round().astype(int)):
        pictures = [_picture(take, min(int(step), len(take.frames) - 1)) for take in takes]
        whole = Image.new("RGB", (sum(each.width for each in pictures), HEIGHT), "white")
        left = 0
        for each in pictures:
            whole.paste(each, (left, 0))
            left += each.width
        yield whole


def _picture(take: Take, step: int) -> Image.Image:
    frame = Image.fromarray(take.frames[step])
    frame = frame.resize((round(frame.width * HEIGHT / frame.height), HEIGHT), Image.Resampling.BILINEAR)
    picture = Image.new("RGB", (frame.width + PANEL, HEIGHT), "white")
    picture.paste(frame, (0, 0))
    _write_panel(ImageDraw.Draw(picture), frame.width + 10, take, min(step, take.episode.length - 1))
    return picture


def _write_panel(draw: ImageDraw.ImageDraw, left: int, take: Take, step: int) -> None:
    font, small = ImageFont.load_default(14), ImageFont.load_default(11)
    episode, insight, width = take.episode, take.insight, PANEL - 20
    so_far = float(episode.rewards[: step + 1].astype(np.float64).sum(axis=0).mean())
    draw.text((left, 6), take.name, INK, font)
    draw.text((left, 26), f"step {step + 1} of {episode.length}, return {so_far:.1f}", INK, small)
    if insight.values is not None:
        draw.text((left, 42), f"expects {insight.values[step]:.1f} to come", INK, small)
    top = 64
    if insight.probabilities is not None and len(take.labels) <= 8:
        for label, share in zip(take.labels, insight.probabilities[step], strict=True):
            draw.rectangle((left + 60, top + 2, left + width, top + 11), PALE)
            draw.rectangle((left + 60, top + 2, left + 60 + int((width - 60) * share), top + 11), ACCENT)
            draw.text((left, top), label[:9], INK, small)
            top += 16
    else:
        for label, text in _done(take, step):
            draw.text((left, top), f"{label[:9]} {text}", INK, small)
            top += 16
    option = int(episode.options[step].flat[0])  # of several agents the first one's
    if option != NO_OPTION:
        colour = OPTION_COLOURS[option % len(OPTION_COLOURS)]
        draw.rectangle((left, top + 6, left + 12, top + 18), colour)
        draw.text((left + 18, top + 5), f"option {option}", INK, small)
        top += 24
    if insight.attention is not None:
        draw.text((left, top + 6), "attends to the step now, and before", INK, small)
        _write_bars(draw, insight.attention[step], left, top + 24, width)


def _done(take: Take, step: int) -> list[tuple[str, str]]:
    action = take.episode.actions[step]
    if action.dtype == np.int64:
        return [(take.labels[choice], "") for choice in action.reshape(-1)[:8].tolist()]
    action = action.reshape(-1, len(take.labels))[0]  # of several agents the first one's
    return [(label, f"{value:+.2f}") for label, value in zip(take.labels[:8], action, strict=False)]


def _write_bars(draw: ImageDraw.ImageDraw, shares: np.ndarray, left: int, top: int, width: int) -> None:
    """One bar a step back, the present one on the left."""
    height, each = HEIGHT - top - 12, width / len(shares)
    for index, share in enumerate(shares / max(float(shares.max()), 1e-9)):
        x = left + index * each
        draw.rectangle((x, top + height * (1 - share), x + each - 2, top + height), ACCENT)


def write_film(path: Path, pictures: Sequence[Image.Image]) -> None:
    """Write pictures in the format that the file's name says; a .png is a strip of some of them.

    Raises:
        ParameterError: the name says none that is known, or mp4 lacks its library.
    """
    if path.suffix not in SUFFIXES:
        raise ParameterError(f"--out: expected a name that ends with {', '.join(SUFFIXES)}, got {path.name}")
    with replace_file(path) as unfinished:
        if path.suffix == ".png":
            _strip(pictures).save(unfinished, "PNG")
        elif path.suffix == ".mp4":
            imageio = import_optional("imageio", "video", "mp4 films")
            size = (pictures[0].width // 2 * 2, HEIGHT)
            frames = [np.asarray(each.crop((0, 0, *size))) for each in pictures]
            rate = len(pictures) / SECONDS
            # As bytes, since ffmpeg goes by the name's ending, which an unfinished file does not have yet.
            film = imageio.v3.imwrite("<bytes>", frames, extension=".mp4", fps=max(rate, 1.0), macro_block_size=2)
            unfinished.write_bytes(film)
        else:
            milliseconds = max(20, round(1000 * SECONDS / len(pictures)))
            settings = {"method": 0, "quality": 75} if path.suffix == ".webp" else {}
            kind = path.suffix[1:].upper()
            first, *others = pictures
            first.save(unfinished, kind, save_all=True, append_images=others, duration=milliseconds, loop=0, **settings)


def _strip(pictures: Sequence[Image.Image]) -> Image.Image:
    shown = [pictures[index] for index in np.unique(np.linspace(0, len(pictures) - 1, STRIP).round().astype(int))]
    columns = 2 if shown[0].width > 2 * HEIGHT else 4
    rows = -(-len(shown) // columns)
    strip = Image.new("RGB", (columns * shown[0].width, rows * HEIGHT), "white")
    for index, each in enumerate(shown):
        strip.paste(each, (index % columns * each.width, index // columns * HEIGHT))
    return strip


def show_film(pictures: Sequence[Image.Image], title: str) -> None:
    """Show pictures in a window until it is closed.

    Raises:
        ParameterError: there is no display.
    """
    if not (
        os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
        or os.environ.get("SDL_VIDEODRIVER")
        or os.name == "nt"
    ):
        raise ParameterError(
            "expected a display to show a window on, found none; --out FILE.webp writes a file instead"
        )
    import pygame  # greets on the screen when it is imported

    pygame.display.init()
    try:
        window = pygame.display.set_mode(pictures[0].size)
    except pygame.error as error:
        raise ParameterError(
            f"expected a display to show a window on, got: {error}; --out FILE.webp writes a file"
        ) from None
    pygame.display.set_caption(title)
    clock, index = pygame.time.Clock(), 0
    while not any(event.type == pygame.QUIT for event in pygame.event.get()):
        picture = pictures[index % len(pictures)]
        window.blit(pygame.image.frombytes(picture.tobytes(), picture.size, "RGB"), (0, 0))
        pygame.display.flip()
        clock.tick(len(pictures) / SECONDS)
        index += 1
    pygame.display.quit()
