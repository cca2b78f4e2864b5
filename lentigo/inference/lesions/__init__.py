"""From the mask decoder's answer to outlines, boxes and measures of lesions."""
