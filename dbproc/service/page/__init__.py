"""The page: what commands say, in a browser; whole without JavaScript, with nothing from elsewhere."""
