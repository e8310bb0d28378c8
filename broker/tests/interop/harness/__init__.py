"""What the tests share: the broker under test, clients that talk to it, waiting with a deadline."""
