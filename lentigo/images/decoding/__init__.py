"""What decoding a photograph needs: limits of memory, colour profiles, pages and chunks of files."""
