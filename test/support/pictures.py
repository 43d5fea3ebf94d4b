"""A test picture in each encoding of sensor_msgs/Image, made by numpy from the standards and not from our code."""
import numpy

BT601_STUDIO = numpy.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])


def colours(width, height):
    """Smooth in both directions, so that neighbours may share their chroma: red to the right, green downwards, blue along both."""
    x, y = numpy.meshgrid(numpy.arange(width) // 2 * 2, numpy.arange(height))
    return numpy.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], axis=2).astype(numpy.uint8)


def distances(width, height):
    """Sixteen bits: 0, where nothing was measured, in the first column, else more to the right and downwards."""
    x, y = numpy.meshgrid(numpy.arange(width), numpy.arange(height))
    return numpy.where(x == 0, 0, 500 + x * 10 + y).astype(numpy.uint16)


def yuv(rgb):
    planes = rgb.astype(float) / 255 @ BT601_STUDIO.T + [16, 128, 128]
    return numpy.rint(planes).clip(0, 255).astype(numpy.uint8)


def mosaic(rgb, pattern):
    """One colour per pixel, as a sensor with this filter sees the picture."""
    grey = numpy.zeros(rgb.shape[:2], numpy.uint8)
    for at, colour in enumerate(pattern):
        grey[at // 2 :: 2, at % 2 :: 2] = rgb[at // 2 :: 2, at % 2 :: 2, "rgb".index(colour)]
    return grey


def rows(encoding, width, height, big_endian):
    rgb = colours(width, height)
    opaque = numpy.full((height, width, 1), 200, numpy.uint8)
    if encoding == "rgb8":
        return rgb
    if encoding == "rgba8":
        return numpy.concatenate([rgb, opaque], axis=2)
    if encoding in ("bgr8", "8UC3"):
        return rgb[:, :, ::-1]
    if encoding in ("bgra8", "8UC4"):
        return numpy.concatenate([rgb[:, :, ::-1], opaque], axis=2)
    if encoding in ("mono8", "8UC1"):
        return rgb[:, :, 0]
    if encoding in ("mono16", "16UC1"):
        return distances(width, height).astype(">u2" if big_endian else "<u2").view(numpy.uint8)
    if encoding.startswith("bayer_"):
        grey = mosaic(rgb, encoding[6:10])
        return grey if encoding.endswith("8") else (grey.astype(int) * 257).astype(">u2" if big_endian else "<u2").view(numpy.uint8)
    planes = yuv(rgb)
    luma, u, v = planes[:, :, 0], planes[:, ::2, 1], planes[:, ::2, 2]
    packed = numpy.zeros((height, width // 2, 4), numpy.uint8)
    order = (u, luma[:, ::2], v, luma[:, 1::2]) if encoding in ("yuv422", "uyvy") else (luma[:, ::2], u, luma[:, 1::2], v)
    for at, plane in enumerate(order):
        packed[:, :, at] = plane
    return packed


def image(encoding, width, height, padding=0, big_endian=False):
    """The fields of the message; each row is followed by `padding` bytes that are no picture."""
    table = numpy.ascontiguousarray(rows(encoding, width, height, big_endian)).reshape(height, -1)
    table = numpy.concatenate([table, numpy.full((height, padding), 0xEE, numpy.uint8)], axis=1)
    return {
        "width": width,
        "height": height,
        "encoding": encoding,
        "is_bigendian": int(big_endian),
        "step": table.shape[1],
        "data": {"hex": table.tobytes().hex()},
    }
