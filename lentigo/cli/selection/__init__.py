"""The commands that choose: `lentigo compare` and `lentigo tune`."""
