"""Tables of photographs as people have them: which column says what, and what its words mean."""
