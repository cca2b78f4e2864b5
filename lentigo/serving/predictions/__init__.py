"""From the bytes of an upload to the record of its prediction, and to the JSON that is sent."""
