"""The page of Python's verbs: what `import lentigo` gives, each from its docstring."""

from __future__ import annotations

import lentigo

INTRODUCTION = """# Python

`import lentigo` gives these verbs. Each is one call, prints nothing, and gives a frozen dataclass.
The verb is imported when it is first asked for, so predicting waits for no other package.
This page is made from the docstrings.

```python
import lentigo

prediction = lentigo.predict("lesion.jpg")
```

A photograph may be a path, an address, bytes, an open file, a PIL image or a uint8 array. A data set may be
anything that a command takes as DATA, or a pandas DataFrame.

Errors that a user can cause are `lentigo.errors.LentigoError` or one of its children:

::: lentigo.errors
    options:
      members: false
      show_root_heading: false
"""


def write_python_reference() -> str:
    """The page as Markdown; mkdocstrings fills it."""
    sections = [INTRODUCTION]
    for name, module in lentigo._PLACES.items():
        sections.append(
            f"## lentigo.{name}\n\n::: {module}.{name}\n    options:\n      show_root_heading: false\n"
        )
    return "\n".join(sections)
