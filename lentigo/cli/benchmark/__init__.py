"""`lentigo bench`: the commands themselves, timed from outside."""
