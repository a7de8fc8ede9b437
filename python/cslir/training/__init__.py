"""Training of encoders: losses, the static encoder's trainer, the bi-encoder's. Needs the extra `train`."""
