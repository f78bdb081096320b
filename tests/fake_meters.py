"""Photos of a make-believe meter and models that find it by its colours, for tests of what stands around models."""

import cv2
import numpy as np

from deploy.recognition import geometry
from deploy.recognition.exported_models import Models
from deploy.recognition.settings import WINDOW_MARGIN, ReadingSettings, Settings, WindowSettings

SIZE = 320
STAGE2_SIZE = (128, 256)
DIGITS = "12305678"
FRACTION = 3
# in the window's own picture, a dot stands in each corner, from the reading's top-left clockwise
DOTS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))
INSET = 0.08
UNIT = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
DOT_PLACES = np.array([[INSET, 0.2], [1 - INSET, 0.2], [1 - INSET, 0.8], [INSET, 0.8]], np.float32)


def window_picture(width=480, height=120, digits=None):
    """A grey window: coloured dots in its corners and between them a field of grey for each digit."""
    picture = np.full((height, width, 3), 60, np.uint8)
    for (x, y), colour in zip(DOT_PLACES, DOTS, strict=True):
        cv2.circle(picture, (round(x * width), round(y * height)), round(height * 0.16), colour, cv2.FILLED)
    for left, digit in zip(digit_lefts(), digits or DIGITS, strict=True):
        level = 100 + 15 * int(digit)
        right = left + 0.07
        picture[round(0.3 * height) : round(0.7 * height), round(left * width) : round(right * width)] = level
    return picture


def digit_lefts():
    return 0.18 + 0.08 * np.arange(len(DIGITS))


def meter_photo(corners, width=1200, height=900):
    """A dark photo with the window at these corners."""
    photo = np.full((height, width, 3), 20, np.uint8)
    add_meter(photo, corners)
    return photo


def add_meter(photo, corners, digits=None):
    """Draws a window at these corners; its digits, as many as DIGITS, may be others."""
    height, width = photo.shape[:2]
    picture = window_picture(digits=digits)
    matrix = geometry.perspective_matrix(geometry.rectangle_corners(*picture.shape[1::-1]), corners)
    warped = cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_AREA)
    inside = cv2.fillConvexPoly(np.zeros((height, width), np.uint8), np.round(corners).astype(np.int32), 1) > 0
    photo[inside] = warped[inside]


def turned_corners(centre, width, height, degrees):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    unit = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * (width, height)
    return (unit @ turn.T + centre).astype(np.float32)


def find_dots(picture):
    """The window's corners from its dots, or None."""
    # continuous coordinates: a pixel's middle is at a half
    centres = []
    for colour in DOTS:
        distance = np.abs(picture.astype(int) - colour).sum(axis=2)
        rows, columns = np.nonzero(distance < 160)
        if not len(rows):
            return None
        centres.append((columns.mean() + 0.5, rows.mean() + 0.5))
    matrix = geometry.perspective_matrix(DOT_PLACES, np.array(centres))
    return geometry.transform_points(UNIT, matrix)


class Stage1:
    """Finds the dots; a later look can be told to see something else through `alter(call, corners, score)`."""

    def __init__(self, label=0, score=0.9, alter=None):
        self.label, self.score, self.alter = label, score, alter
        self.seen = []

    def __call__(self, images):
        assert images.dtype == np.uint8 and images.shape[1:] == (SIZE, SIZE, 3)
        self.seen.append(images)
        outputs = {
            "corners": np.zeros((len(images), 8, 4, 2), np.float32),
            "scores": np.zeros((len(images), 8), np.float32),
            "classes": np.zeros((len(images), 8), np.int32),
            "boxes": np.zeros((len(images), 8, 4), np.float32),
        }
        for index, image in enumerate(images):
            corners, score = find_dots(image), self.score
            if corners is None:
                continue
            outputs["boxes"][index, 0] = geometry.bounding_box(corners)
            if self.alter:
                corners, score = self.alter(len(self.seen), corners, score)
            outputs["corners"][index, 0] = corners
            outputs["scores"][index, 0] = score
            outputs["classes"][index, 0] = self.label
        return outputs


class ScriptedStage1:
    """Finds what a script says, which is told the number of the call and of the picture in it.

    Args:
        script: from both to pairs of corners (4, 2) in the picture and a score, the best first, or None for what is
            found by the dots.
    """

    def __init__(self, script):
        self.script, self.seen = script, []

    def __call__(self, images):
        self.seen.append(images)
        outputs = Stage1()(images)
        for index in range(len(images)):
            found = self.script(len(self.seen), index)
            for entry, (corners, score) in enumerate(found or ()):
                outputs["corners"][index, entry] = corners
                outputs["boxes"][index, entry] = geometry.bounding_box(corners)
                outputs["scores"][index, entry] = score
            if found is not None:
                outputs["scores"][index, len(found) :] = 0
        return outputs


class Stage2:
    """Reads the fields' greys where they stand in a window rectified with the usual margin."""

    def __init__(self, digit_score=0.95, fraction_score=0.99):
        self.digit_score, self.fraction_score = digit_score, fraction_score
        self.seen = []

    def __call__(self, images):
        assert images.dtype == np.uint8 and images.shape[1:] == (*STAGE2_SIZE, 3)
        self.seen.append(images)
        boxes = np.zeros((len(images), 32, 4), np.float32)
        class_scores = np.zeros((len(images), 32, 15), np.float32)
        along, across = WINDOW_MARGIN
        for index, image in enumerate(images):
            corners = find_dots(image)
            upright = corners is not None and np.abs(corners[0]).max() < 64
            for place, left in enumerate(digit_lefts()):
                box = np.array([left, 0.3, left + 0.07, 0.7])
                box = (box + (along, across, along, across)) / np.tile([1 + 2 * along, 1 + 2 * across], 2)
                x, y = np.round((box[:2] + box[2:]) / 2 * STAGE2_SIZE[::-1]).astype(int)
                level = image[y - 4 : y + 5, x - 2 : x + 3].mean()
                boxes[index, place] = box
                digit = int(np.clip(round((level - 100) / 15), 0, 9))
                class_scores[index, place, digit] = self.digit_score if upright else 0.35
            first = boxes[index, len(DIGITS) - FRACTION]
            last = boxes[index, len(DIGITS) - 1]
            boxes[index, 20] = (first[0], first[1], last[2], last[3])
            class_scores[index, 20, 14] = self.fraction_score
        return {
            "boxes": boxes,
            "class_scores": class_scores,
            "scores": class_scores.max(axis=2),
            "classes": class_scores.argmax(axis=2),
        }


def models(digit_score=0.95, fraction_score=0.99, **options):
    return Models(Stage1(**options), Stage2(digit_score, fraction_score), SIZE, STAGE2_SIZE)


def settings(**thresholds):
    """The usual settings but for these thresholds, of windows or of readings."""
    window = {name: value for name, value in thresholds.items() if hasattr(WindowSettings, name)}
    reading = {name: value for name, value in thresholds.items() if name not in window}
    return Settings(WindowSettings(**window), ReadingSettings(**reading))
