"""``python -m treadle`` is the command line."""

from treadle.commands import main

if __name__ == "__main__":
    main()
