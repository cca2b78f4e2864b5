"""python -m lentigo"""

from lentigo.cli import main

if __name__ == "__main__":
    main()
