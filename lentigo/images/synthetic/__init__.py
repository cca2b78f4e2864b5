"""How synthetic lesions are drawn: their signs, the camera's view, their colours."""
