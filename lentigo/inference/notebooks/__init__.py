"""How results show themselves in a notebook: as tables with pictures, and as figures."""
