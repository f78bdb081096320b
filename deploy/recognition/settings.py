"""Defaults of recognition, in one place."""

import dataclasses

# A window is rectified a little larger than it was found, in shares of its width and height on each side: the
# digits at its edge stay whole when the corners are a few per cent off. Stage 2 learned from windows cut like this.
WINDOW_MARGIN = (0.03, 0.10)


@dataclasses.dataclass(frozen=True)
class WindowSettings:
    """How a window is looked for.

    Attributes:
        min_score: a first look's detection below it is no meter.
        most_candidates: so many detections of the first look are looked at again, the best first, until one holds: a
            sticker with a serial number beside the meter may score higher from afar than the counter does.
        zoom_share: the share of the zoomed view's width (or height, if larger) that the found window takes.
        second_min_score: a second look's detection below it counts as nothing found.
        min_final_score: after all looks, a window with a lower score is no meter.
        sure_score: a window with a lower score is a meter only if its reading is sure, see
            `ReadingSettings.min_confidence_unsure`: what is no meter seldom reads like one.
        third_look_shift: a third look follows when the second moved the corners, on average, by more than this
            share of the window's height.
        min_area_share: a quadrilateral that fills less than this share of its box cannot be trusted.
        min_box_overlap: corners whose bounding box and the box found beside them overlap less, as intersection over
            union, cannot be trusted either.
        flip_below: a reading of which the digits' mean score is below it is also tried upside down.
        tile_shares: where the looks so far gave nothing, tiles with sides of these shares of the photo's longer side
            are looked at, one share after the other, until a window is sure; none: no tiles.
        tile_overlap: neighbouring tiles overlap by at least about this share of their side.
        min_tile_score: a detection in a tile below it is no meter.
        max_length_tiled: a detection in a tile that is longer than this share of the photo's longer side is no meter:
            the whole photo would have shown it.
        same_counter: of two windows that cover more than this share of the smaller one, the better one is kept: they
            are the same counter.
        min_score_beside: a first look's detection beside a sure window is looked at again from this score on: it is a
            further counter where further looks make it a sure window too.
    """

    min_score: float = 0.3
    most_candidates: int = 3
    zoom_share: float = 0.55
    second_min_score: float = 0.2
    min_final_score: float = 0.4
    sure_score: float = 0.75
    third_look_shift: float = 0.3
    min_area_share: float = 0.15
    min_box_overlap: float = 0.4
    flip_below: float = 0.8
    tile_shares: tuple[float, ...] = (0.7, 0.5)
    tile_overlap: float = 0.5
    min_tile_score: float = 0.3
    max_length_tiled: float = 0.3
    same_counter: float = 0.3
    min_score_beside: float = 0.25


@dataclasses.dataclass(frozen=True)
class ReadingSettings:
    """How the boxes in a window become a text.

    Attributes:
        wheel_score: a wheel's least score.
        gap_score: a wheel's least score where one is missing between two others.
        fraction_score: least score of the fraction's region.
        point_score: least score of a decimal point.
        column_overlap: boxes that share more than this of the narrower one's width are one wheel.
        row_distance: a wheel's centre may lie this far off the row, in median wheel heights.
        height_range: a wheel's least and largest height, in median wheel heights.
        decimal_height: the least height of a small decimal behind the other wheels, in median wheel heights.
        decimal_foot: its lower edge may lie this far off theirs, in median wheel heights.
        gap_pitch: from this distance between two wheels, in median distances, one is missing between them.
        gap_tolerance: how far from the gap's middle the missing one may stand, in median distances.
        min_digits: a window with fewer digits is unreadable.
        read_again_below: a reading of which any digit scores less is read once more, from a cut along its digits, and
            then those of its parts in which one still does.
        between_share: a wheel is between two digits if the less likely one has at least this share of both scores.
        between_second: that one has at least this share of the second best digit's score, which may be a third one's:
            wheels in the middle of a turn look odd.
        last_wheel_share: the last wheel is told to be between two digits from this share of both scores on.
        mirror_below: a reading of which the digits before the last one score less on average is also tried in a mirror.
        mirror_score: the least mean score of the digits in a mirror: what nobody can read is mirrored neither.
        mirror_sureness: from so many times the reading's sureness on, the mirror image is looked at closer too.
        mirror_doubt: after closer looks, from so many times the reading's sureness on, the photo may be mirrored and
            there is no reading.
        mirror_margin: from so many times on, it is mirrored.
        min_confidence: a reading whose digits are less sure than this is none: what is read off plates, pages and price
            tags mostly is.
        min_confidence_unsure: the same for windows that score below `WindowSettings.sure_score`.
        min_confidence_tiled: the same for windows that began in a tile: each tile is one more chance to be wrong.
        min_confidence_beside: the same for further counters beside a sure one.
        row_end_space: a window that is read again is cut out so far beyond its outer wheels' middles, in distances
            between wheels.
        part_end_space: the same for parts of a row.
        half_height: so far up and down, in heights of the digits.
        part_wheels: parts hold so many wheels: each has twice as many of the picture's columns as in a window of eight.
        end_wheels: so many digits of a display are looked at again with what may stand behind them.
        room_for_a_decimal: from this distance between the last digit's box and the window's end, in distances between
            digits, a display may have smaller decimals there.
        room_behind: decimals stand at most this far behind the last digit, in distances between digits.
        end_evidence: the digits of that look count if the sum of their scores is greater by this.
        small_decimals: last digits lower than this share of those before them are the decimals of a display, with or
            without another sign of it.
        room_for_a_wheel: from this distance between the last wheel's middle and the window's end, in distances between
            wheels, one more wheel may stand there.
        same_wheel: wheels of two looks are the same if their middles are no further apart, in distances between wheels.
        fraction_middle: the score at which a fraction's region is as likely one as not: a logistic function, fitted to
            drawn windows.
        fraction_spread: of that function.
    """

    wheel_score: float = 0.3
    gap_score: float = 0.1
    fraction_score: float = 0.5
    point_score: float = 0.3
    column_overlap: float = 0.25
    row_distance: float = 0.45
    height_range: tuple[float, float] = (0.55, 1.7)
    decimal_height: float = 0.35
    decimal_foot: float = 0.2
    gap_pitch: float = 1.6
    gap_tolerance: float = 0.35
    min_digits: int = 3
    read_again_below: float = 0.9
    between_share: float = 0.2
    between_second: float = 0.7
    last_wheel_share: float = 0.1
    mirror_below: float = 0.92
    mirror_score: float = 0.6
    mirror_sureness: float = 0.9
    mirror_doubt: float = 1.03
    mirror_margin: float = 1.1
    min_confidence: float = 0.2
    min_confidence_unsure: float = 0.66
    min_confidence_tiled: float = 0.75
    min_confidence_beside: float = 0.6
    row_end_space: float = 0.75
    part_end_space: float = 0.6
    half_height: float = 0.7
    part_wheels: int = 4
    end_wheels: int = 4
    room_for_a_decimal: float = 0.4
    room_behind: float = 2.0
    end_evidence: float = 0.7
    small_decimals: float = 0.7
    room_for_a_wheel: float = 1.1
    same_wheel: float = 0.35
    fraction_middle: float = 0.53
    fraction_spread: float = 0.08


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that recognition can be told."""

    window: WindowSettings = WindowSettings()
    reading: ReadingSettings = ReadingSettings()
