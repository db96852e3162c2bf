"""`python -m studio`: every action of the page as a command."""

from studio.cli.app import main

if __name__ == "__main__":
    main()
