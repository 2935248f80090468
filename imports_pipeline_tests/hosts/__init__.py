"""Workers on hosts of their own, which are network namespaces of this machine: ``make soak-hosts``, as root."""
