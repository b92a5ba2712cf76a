"""C++ and CUDA that every op shares, and the CUDA launchers without TensorFlow."""
