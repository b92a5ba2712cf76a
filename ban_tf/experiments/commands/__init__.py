"""What each script does once its flags are read; every data set goes the same way."""
