"""What a person has done with the files that lie in stores: taken into the catalogue, healed."""
