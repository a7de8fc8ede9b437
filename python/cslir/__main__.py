"""The command `cslir`, also `python -m cslir`; it hears Ctrl-C while the command line is loaded."""

import sys


def main() -> None:
    """Load the command line and run it."""
    try:
        from cslir.cli import main as run

        run()
    except KeyboardInterrupt:
        print("cslir: interrupted", file=sys.stderr)
        sys.exit(130)
    finally:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done, or cleaned up


if __name__ == "__main__":
    main()
