"""Says which digit somebody wrote by hand, from an image of 8 by 8 pixels."""
