"""The steps whose times are told apart, in the order in which they follow each other."""

DECODE, RESIZE, FIRST_LOOK, SECOND_LOOK = "decode", "resize", "first look", "second look"
RECTIFY, STAGE2, READING = "rectify", "stage 2", "reading"
FIND_TEXT, READ_TEXT = "find text lines", "read text lines"
TOTAL, OPENCV = "total", "opencv"
# no times: how many pictures each stage's network was shown
STAGE1_LOOKS, STAGE2_LOOKS = "stage 1 looks", "stage 2 looks"

# Decoding of the file comes on top of TOTAL, which is for a photo in memory; OPENCV lies inside the others.
METER_STEPS = (RESIZE, FIRST_LOOK, SECOND_LOOK, RECTIFY, STAGE2, READING)
TEXT_STEPS = (FIND_TEXT, READ_TEXT)
STEPS = (DECODE, *METER_STEPS, *TEXT_STEPS)
