"""The HTTP interface: routes, middleware, uploads, and the page."""
