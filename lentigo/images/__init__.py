"""From files to arrays of pixels, and what pixels say about a photograph: quality, skin tone, scale."""
