"""Speed and memory of a pull, beside a hand-written ceiling in the same run: `python -m benchmarks`."""
