"""`python -m guardproxy` is the `guardproxy` command."""

from guardproxy.cli.main import main

if __name__ == "__main__":
    main()
