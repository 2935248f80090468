"""Every part on a host of its own, which is a network namespace of this machine: ``make soak-hosts``, as root."""
