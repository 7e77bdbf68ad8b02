"""One yardstick for every model: reconstruction, denoising and search at equal code size, in one table."""
