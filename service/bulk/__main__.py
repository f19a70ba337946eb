"""`python -m service.bulk SOURCE DEST`: label many images, or write a model's features of them."""

import sys

if __name__ == "__main__":  # the processes of a job import this file too
    try:
        from service.bulk.command import main
    except ModuleNotFoundError as missing:
        sys.exit(f"Bulk work needs the package {missing.name}; install it with `make .venv/bulk`.")
    main()
