"""What arrives regularly: the assets of syncs and upload folders."""
