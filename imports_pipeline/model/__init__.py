"""What an import, a batch, a phase, a row error are; identities and ids. Plain Python, no input or output."""
