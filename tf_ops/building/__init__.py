"""What `build_ops.sh` runs: installs the package and compiles the library (stdlib only)."""
