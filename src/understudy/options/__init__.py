"""Finding options in demonstrations that carry no labels, and judging what was found."""
