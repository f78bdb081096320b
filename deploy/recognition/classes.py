"""Class names of both stages, in the order of their label numbers."""

STAGE1_CLASSES = ("analog", "digital", "analog_illegible", "digital_illegible")
STAGE2_CLASSES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "r", "t", "_", "point", "floatp")

ANALOG, DIGITAL = LEGIBLE_CLASSES = STAGE1_CLASSES[:2]
DIGIT_CLASSES = STAGE2_CLASSES[:10]
FRACTION_CLASS = "floatp"
POINT_CLASS = "point"
