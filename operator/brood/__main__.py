"""``python -m brood``: the command ``brood``, where its script is not on the path."""

from brood.cli.app import main

main()
